"""From a list's parameters to its WHERE."""

from collections.abc import Mapping
from typing import Final, LiteralString

from crm_contacts.directory.schemas import UserList
from crm_contacts.prefixes import starts_with
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing.emptiness import add_emptiness

# Folded where they stand, and not in columns of their own as of a contact: a tenant has few users beside its records.
NAMES = ("fold_case(u.full_name)", "fold_case(u.email)")

COLUMNS: Final[Mapping[str, LiteralString]] = {
    "email": "u.email",
    "role": "u.role",
    "manager_id": "u.manager_id",
    "active": "u.active",
}
"""What `.empty` asks, by filter."""


def to_where(query: UserList, caller: Caller) -> Where:
    """Return the filters, the tenant as $1. Values are parameters, columns stand here in full."""
    where = Where(caller.tenant_id)
    if query.email is not None:
        where.add("fold_case(u.email) = fold_case({})", query.email)
    if query.role is not None:
        where.add("u.role = {}", query.role)
    if query.manager_id is not None:
        where.add("u.manager_id = {}", query.manager_id)
    if query.active is not None:
        where.add("u.active = {}", query.active)
    if query.q is not None:
        where.add_sql(starts_with(where, query.q, NAMES, ()))
    add_emptiness(where, query, COLUMNS)
    if query.updated_since is not None:
        where.add("u.updated_at >= {}", query.updated_since)
    return where
