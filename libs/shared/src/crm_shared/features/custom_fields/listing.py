"""Lists that take custom fields: `cf_<key>=`, `cf_<key>.gte=`, `cf_<key>.lte=` and `sort=cf_<key>`."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from crm_shared.database import Connection, Where
from crm_shared.features.custom_fields.filters import PREFIX
from crm_shared.features.custom_fields.kinds import EntityType
from crm_shared.features.custom_fields.repository import read_definitions
from crm_shared.features.custom_fields.sorting import find_order
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.models import ListQuery
from crm_shared.listing import Page, SortField

DESCRIPTION = """Custom fields filter and sort too, by their keys. `cf_tier=gold`: TEXT whatever the case; MULTI_SELECT
holds it, and of `a;b` both. `cf_score.gte=10` and `cf_score.lte=20`: NUMBER and DATE, both ends included.
`cf_tier.empty=true`: records without a value; `false`: those with one.
`sort=-cf_score`: not by MULTI_SELECT; records without a value come last in either direction."""


class CustomFieldQuery(ListQuery):
    """A list's parameters, with those of custom fields beside them: their names are the tenant's."""

    model_config = ConfigDict(extra="allow")

    open_prefix: ClassVar[str] = PREFIX

    sort: Annotated[
        str | None,
        Field(max_length=100, description="a field, or cf_ and a custom field's key; - before it for descending"),
    ] = None

    @model_validator(mode="after")
    def _refuse_others(self) -> Self:
        for name in self.model_extra or {}:
            if not name.startswith(PREFIX):
                raise ValueError(f"{name} is not a known parameter")
        return self

    @property
    def custom_filters(self) -> Mapping[str, str]:
        return self.model_extra or {}

    @property
    def names_custom_fields(self) -> bool:
        return bool(self.model_extra) or (self.sort or "").removeprefix("-").startswith(PREFIX)


async def apply_query(
    connection: Connection,
    tenant_id: UUID,
    entity_type: EntityType,
    query: CustomFieldQuery,
    where: Where,
    *,
    sorts: Mapping[str, SortField],
    id_column: str,
) -> Page:
    """AND the query's `cf_` filters to `where` and return its page. A round trip only where it names a custom field.

    Raises InvalidField naming the parameter.
    """
    if not query.names_custom_fields:
        return to_page(query, parse_order(query.sort, sorts, id_column=id_column))
    definitions = await read_definitions(connection, tenant_id, entity_type)
    definitions.add_filters(where, query.custom_filters)
    order = find_order(definitions, query.sort) or parse_order(query.sort, sorts, id_column=id_column)
    return to_page(query, order)
