"""Orders by a custom field, `sort=cf_tier` and `sort=-cf_tier`: records without a value come last in both.

TEXT is ordered without case by its first 100 characters, NUMBER as float8: what differs behind that is in order of id,
and no page repeats or loses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, LiteralString

from crm_shared.database import Where
from crm_shared.features.custom_fields.definitions import Definitions
from crm_shared.features.custom_fields.expressions import ALIASES, KEY_CHARACTERS, FieldColumn, fold, to_text_key
from crm_shared.features.custom_fields.filters import PREFIX
from crm_shared.features.custom_fields.kinds import FieldType
from crm_shared.features.custom_fields.values import read_number
from crm_shared.listing import Order, SortField
from crm_shared.refusals import InvalidField


@dataclass(frozen=True, kw_only=True)
class CustomSortField(SortField):
    """Each statement is of one half: rows with a value, or rows without one, both in an order that the index has."""

    expression: FieldColumn

    has_blanks: ClassVar[bool] = True

    def sql_over(self, rows: LiteralString) -> str:
        return replace(self.expression, alias=rows).sql

    def add_scope(self, where: Where) -> Where:
        return where.add_sql(self.expression.scope)

    def number(self, where: Where, value: Any) -> str:
        placeholder = where.number(value)
        return to_text_key(fold(placeholder)) if self._field_type is FieldType.TEXT else placeholder

    def value_of(self, row: Mapping[str, Any]) -> Any:
        value = row["custom_data"].get(self.expression.field.key)
        return value[:KEY_CHARACTERS] if isinstance(value, str) else value

    def parse(self, text: str | None) -> Any:
        if text is None:
            return None
        return float(read_number(text)) if self._field_type is FieldType.NUMBER else super().parse(text)

    @property
    def _field_type(self) -> FieldType:
        return self.expression.field.field_type


def find_order(definitions: Definitions, sort: str | None) -> Order | None:
    """Return the order that `sort` asks for; None when it names no custom field. Raises InvalidField."""
    name = sort or ""
    if not name.removeprefix("-").startswith(PREFIX):
        return None
    key = name.removeprefix("-").removeprefix(PREFIX)
    field = definitions.fields.get(key)
    if field is None or not field.field_type.has_order:
        reason = "is not a custom field" if field is None else f"a {field.field_type} field has no order"
        raise InvalidField.at("?sort", f"{PREFIX}{key} {reason}")
    expression = FieldColumn(field, definitions.tenant_id, ALIASES[definitions.entity_type])
    kind = float if field.field_type is FieldType.NUMBER else str
    sort_field = CustomSortField(column=expression.sql, type=kind, expression=expression)
    return Order(name, sort_field, name.startswith("-"), f"{expression.alias}.id")
