"""Which rows a caller may see: the one place of it for PostgreSQL. Every read passes here."""

from typing import Final, LiteralString

from crm_shared.access.caller import Caller
from crm_shared.database.where import Where
from crm_shared.permissions import Permission

# Literal column names and parameter numbers are filled in, never a value.
SEEN_BY_MANAGER: LiteralString = """({column} = {viewer} OR EXISTS (
    SELECT FROM visible_owners seen_owner
     WHERE seen_owner.tenant_id = {tenant} AND seen_owner.viewer_id = {viewer} AND seen_owner.owner_id = {column}))"""

SHARED_WITH: LiteralString = """EXISTS (
    SELECT FROM contact_shares seen_share
     WHERE seen_share.tenant_id = {tenant} AND seen_share.user_id = {viewer}
       AND seen_share.contact_id IN ({columns}))"""

_OWN_ALIASES: Final = ("seen_owner.", "seen_share.", "visible_owners.", "contact_shares.")
"""A column of a caller's table that went by one of these would be read as this file's: it then equals itself."""


def add_visible(
    where: Where, caller: Caller, *owner_columns: LiteralString, contact_id: LiteralString | None = None
) -> Where:
    """Leave rows of which one of `owner_columns`, each with its table's alias, is the caller's or of whom they see.

    SEE_ALL: no clause, the tenant is row-level security's. SEE_TEAM: a probe of `visible_owners`. Neither: a plain
    comparison, so that an index on (owner, sort key) serves the page. `contact_id` names the column of the contact
    whose share lets the caller see the row too (several: "a.contact_id, d.contact_id"). For statements that find their
    rows by themselves, by key; lists and sums take `crm_shared.listing`. Raises ValueError for a column that the
    clause's own tables would shadow.
    """
    clause = governed_by(where, caller, *owner_columns)
    if caller.can(Permission.SEE_ALL):
        return where
    if contact_id is not None and caller.has_shares:
        clause = f"({clause} OR {shared_with(where, caller, contact_id)})"
    return where.add_sql(clause)


def governed_by(where: Where, caller: Caller, *owner_columns: LiteralString) -> str:
    """Return the clause, its values numbered in `where`, for rows that are the caller's by owner and not by a share."""
    _require_unshadowed(*owner_columns)
    if caller.can(Permission.SEE_ALL):
        return "true"
    viewer = where.number(caller.user_id)
    if not caller.can(Permission.SEE_TEAM):
        clauses = [f"{column} = {viewer}" for column in owner_columns]
    else:
        tenant = where.number(caller.tenant_id)
        clauses = [SEEN_BY_MANAGER.format(column=column, viewer=viewer, tenant=tenant) for column in owner_columns]
    return "(" + " OR ".join(clauses) + ")"


def shared_with(where: Where, caller: Caller, contact_id: LiteralString) -> str:
    """Return the clause, its values numbered in `where`, for rows whose contact is shared with the caller."""
    _require_unshadowed(contact_id)
    return SHARED_WITH.format(
        columns=contact_id, viewer=where.number(caller.user_id), tenant=where.number(caller.tenant_id)
    )


def _require_unshadowed(*columns: str) -> None:
    """Raise ValueError for a column without an alias, or with one that stands for another table inside the clause."""
    for column in columns:
        if "." not in column or any(alias in column for alias in _OWN_ALIASES):
            raise ValueError(f"{column} would be read as a column of the visibility clause's own tables")
