"""From `cf_<key>` parameters of a list to its WHERE.

`cf_tier=gold` is equality (TEXT: whatever the case; MULTI_SELECT: holds it, and of `a;b` both). `cf_score.gte=10` and
`cf_score.lte=20` are ranges of NUMBER and DATE, both ends included. `cf_tier.empty=true` finds records without
a value. A key holds no dot, so no two fields' parameters can meet.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crm_shared.database import Where
from crm_shared.features.custom_fields.expressions import ALIASES, FieldColumn, fold, to_text_key
from crm_shared.features.custom_fields.kinds import FieldType
from crm_shared.features.custom_fields.values import from_text, name_options
from crm_shared.listing.emptiness import SUFFIX, read_emptiness
from crm_shared.refusals import FieldProblem, InvalidField

if TYPE_CHECKING:
    from crm_shared.features.custom_fields.definitions import Definitions

PREFIX = "cf_"
EMPTY = SUFFIX.removeprefix(".")
RANGES = {"gte": ">=", "lte": "<="}


def add_filters(definitions: "Definitions", where: Where, parameters: Mapping[str, str], alias: str | None) -> Where:
    """AND the `cf_` parameters. Raises InvalidField naming each that is unknown or holds no value of its field."""
    alias = alias or ALIASES[definitions.entity_type]
    wrong: list[FieldProblem] = []
    clauses: list[tuple[FieldColumn, str, Any]] = []
    for name, text in parameters.items():
        if name.startswith(PREFIX):
            try:
                clauses.append(_read(definitions, name, text, alias))
            except ValueError as error:
                wrong.append(FieldProblem(f"?{name}", str(error)))
    if wrong:
        raise InvalidField("; ".join(f"{each.pointer} {each.detail}" for each in wrong), errors=wrong)
    for column, operator, value in clauses:
        where.add_sql(" AND ".join(_to_sql(where, column, operator, value)))
    return where


def _read(definitions: "Definitions", name: str, text: str, alias: str) -> tuple[FieldColumn, str, Any]:
    key, _, bound = name.removeprefix(PREFIX).partition(".")
    field = definitions.fields.get(key)
    if field is None:
        raise ValueError("is not a custom field")
    column = FieldColumn(field, definitions.tenant_id, alias)
    if bound == EMPTY:
        return column, "IS NULL" if read_emptiness(text) else "IS NOT NULL", None
    if bound and bound not in RANGES:
        raise ValueError("is not a known parameter")
    if bound and not field.field_type.has_ranges:
        raise ValueError(f"a {field.field_type} field has no ranges")
    # Retired options too: records may hold them.
    value = name_options(field, text) if field.field_type.has_options else from_text(field, text)
    if not value:
        raise ValueError("takes a value")
    return column, RANGES.get(bound, "="), value


def _to_sql(where: Where, column: FieldColumn, operator: str, value: Any) -> Iterator[str]:
    """Yield the condition that an index serves, then the exact one where that one is coarser."""
    yield column.scope
    if value is None:
        yield f"{column.sql if column.field.field_type.has_order else column.text} {operator}"
        return
    match column.field.field_type:
        case FieldType.TEXT:
            folded = fold(where.number(value))
            yield f"{column.sql} = {to_text_key(folded)}"
            yield f"{fold(column.text)} = {folded}"
        case FieldType.NUMBER:
            yield f"{column.sql} {operator} {where.number(float(value))}"
            yield f"custom_decimal({column.data}, '{column.key}') {operator} {where.number(Decimal(value))}"
        case FieldType.SELECT:
            yield f"{column.sql} = {where.number(value[0])}"
        case FieldType.MULTI_SELECT:
            yield f"{column.data} -> '{column.key}' ?& {where.number(value)}::text[]"
        case FieldType.DATE:
            yield f"{column.sql} {operator} {where.number(value)}"
