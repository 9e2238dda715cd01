"""Orders by a custom field, `sort=cf_tier` and `sort=-cf_tier`: records without a value come last in both.

Two statements make such a list: rows with a value, then rows without one, each in an order that the field's index
has. TEXT is ordered without case by its first 100 characters, NUMBER as float8: what differs behind that is in order
of id, and no page repeats or loses it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from crm_shared.custom_fields.definitions import Definitions
from crm_shared.custom_fields.expressions import ALIASES, KEY_CHARACTERS, FieldColumn, fold, to_text_key
from crm_shared.custom_fields.filters import PREFIX
from crm_shared.custom_fields.kinds import FieldType
from crm_shared.custom_fields.values import read_number
from crm_shared.database import Where
from crm_shared.http.bodies import is_storable
from crm_shared.http.cursors import Order, SortField, decode_cursor
from crm_shared.refusals import InvalidField


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomOrder(Order):
    column: FieldColumn

    def split(self, where: Where, cursor: str | None) -> Iterator[Where]:
        value, last_id = (None, None) if cursor is None else decode_cursor(cursor, self)
        where.add_sql(self.column.scope)
        if cursor is None or value is not None:
            valued = where.copy().add_sql(f"{self.column.sql} IS NOT NULL")
            if last_id is not None:
                bounds = f"{self._number(valued, value)}, {valued.number(last_id)}"
                valued.add_sql(f"({self.column.sql}, {self.id_column}) {self._operator} ({bounds})")
            yield valued
            last_id = None
        blank = where.copy().add_sql(f"{self.column.sql} IS NULL")
        if last_id is not None:
            blank.add_sql(f"{self.id_column} {self._operator} {blank.number(last_id)}")
        yield blank

    def sql_over(self, rows: LiteralString) -> str:
        direction = "DESC" if self.is_descending else "ASC"
        return f"{replace(self.column, alias=rows).sql} {direction}, {rows}.id {direction}"

    def value_of(self, row: Mapping[str, Any]) -> Any:
        value = row["custom_data"].get(self.column.field.key)
        return value[:KEY_CHARACTERS] if isinstance(value, str) else value

    def parse(self, text: str | None) -> Any:
        if text is None:
            return None
        if self.column.field.field_type is FieldType.NUMBER:
            return float(read_number(text))
        if not is_storable(text):
            raise ValueError("PostgreSQL can't hold it")
        return text

    @property
    def _operator(self) -> str:
        return "<" if self.is_descending else ">"

    def _number(self, where: Where, value: Any) -> str:
        if self.column.field.field_type is FieldType.TEXT:
            return to_text_key(fold(where.number(value)))
        return where.number(value)


def find_order(definitions: Definitions, sort: str | None) -> CustomOrder | None:
    """Give the order that `sort` asks for; None when it names no custom field. Raises InvalidField."""
    name = sort or ""
    if not name.removeprefix("-").startswith(PREFIX):
        return None
    key = name.removeprefix("-").removeprefix(PREFIX)
    field = definitions.fields.get(key)
    if field is None or not field.field_type.has_order:
        reason = "is not a custom field" if field is None else f"a {field.field_type} field has no order"
        raise InvalidField.at("?sort", f"{PREFIX}{key} {reason}")
    column = FieldColumn(field, definitions.tenant_id, ALIASES[definitions.entity_type])
    return CustomOrder(
        name,
        SortField(column.sql, str),
        name.startswith("-"),
        "c.id" if column.alias == "c" else "d.id",
        column=column,
    )
