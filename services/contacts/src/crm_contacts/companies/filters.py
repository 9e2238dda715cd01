"""From a list's parameters to its WHERE."""

from collections.abc import Mapping
from typing import Final, LiteralString

from crm_contacts.companies.schemas import CompanyList
from crm_contacts.list_filters import add_deleted
from crm_contacts.prefixes import starts_with
from crm_contacts.tag_filters import Filters
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing.emptiness import add_emptiness
from crm_shared.listing.equality import add_equality, list_equalities

EXACT: Final = list_equalities(CompanyList, "c")
"""What is asked for as it is."""
COLUMNS: Final[Mapping[str, LiteralString]] = {
    **EXACT,
    "owner_id": "c.owner_id",
    "tag": "nullif(c.tags, '{{}}')",
}
"""What `.empty` asks, by filter."""


def to_filters(query: CompanyList, caller: Caller) -> Filters:
    """Return the filters. Values are parameters, columns stand here in full."""
    where = Where(caller.tenant_id)
    add_deleted(where, deleted=query.deleted)
    add_equality(where, query, EXACT)
    if query.q is not None:
        where.add_sql(starts_with(where, query.q, ("c.name_key",), ("c.domain",)))
    add_emptiness(where, query, COLUMNS)
    if query.updated_since is not None:
        where.add("c.updated_at >= {}", query.updated_since)
    return Filters(where, query.owner_id, query.tag, query.deleted, _is_narrow(query))


def _is_narrow(query: CompanyList) -> bool:
    """Return whether filters that have an index of their own leave few companies."""
    return query.deleted or query.domain is not None or query.q is not None or bool(query.custom_filters)
