"""Which rows a caller may see: the one place of it for PostgreSQL. Every read passes here."""

from typing import LiteralString

from crm_shared.access.caller import Caller, Role
from crm_shared.database.where import Where

# Literal column names and parameter numbers are filled in, never a value.
SEEN_BY_MANAGER: LiteralString = """({column} = {viewer} OR EXISTS (
    SELECT FROM visible_owners o
     WHERE o.tenant_id = {tenant} AND o.viewer_id = {viewer} AND o.owner_id = {column}))"""

SHARED_WITH: LiteralString = """EXISTS (
    SELECT FROM contact_shares shared
     WHERE shared.tenant_id = {tenant} AND shared.user_id = {viewer} AND shared.contact_id IN ({columns}))"""


def add_visible(
    where: Where, caller: Caller, *owner_columns: LiteralString, contact_id: LiteralString | None = None
) -> Where:
    """Leave rows of which one of `owner_columns` is the caller or somebody whose records the caller sees.

    ADMIN: no clause, the tenant is row-level security's. REP: a plain comparison, so that an index on
    (owner, sort key) serves the page. MANAGER: a probe of `visible_owners`. `contact_id` names the column of the
    contact whose share lets the caller see the row too (several: "a.contact_id, d.contact_id"). For statements that
    find their rows by themselves, by key; lists and sums take `list_branches`.
    """
    if caller.is_admin:
        return where
    clause = governed_by(where, caller, *owner_columns)
    if contact_id is not None and caller.has_shares:
        clause = f"({clause} OR {_shared_with(where, caller, contact_id)})"
    return where.add_sql(clause)


def governed_by(where: Where, caller: Caller, *owner_columns: LiteralString) -> str:
    """Give the clause, its values numbered in `where`, for rows that are the caller's by owner and not by a share."""
    if caller.is_admin:
        return "true"
    viewer = where.number(caller.user_id)
    if caller.role is Role.REP:
        clauses = [f"{column} = {viewer}" for column in owner_columns]
    else:
        tenant = where.number(caller.tenant_id)
        clauses = [SEEN_BY_MANAGER.format(column=column, viewer=viewer, tenant=tenant) for column in owner_columns]
    return "(" + " OR ".join(clauses) + ")"


def list_branches(
    where: Where, caller: Caller, owner_column: LiteralString, *, contact_id: LiteralString | None
) -> list[str]:
    """Give the WHERE texts, over `where`'s one set of parameters, whose rows are what the caller sees; none is in two.

    One text for whom nothing is shared with. Else two: joined by OR in one, the shares would cost a list its index.
    `contact_id` as in `add_visible`.
    """
    if caller.is_admin:
        return [where.sql]
    filters, owned = where.sql, governed_by(where, caller, owner_column)
    branches = [f"{filters} AND {owned}"]
    if contact_id is not None and caller.has_shares:
        branches.append(f"{filters} AND {owned} IS NOT TRUE AND {_shared_with(where, caller, contact_id)}")
    return branches


def _shared_with(where: Where, caller: Caller, contact_id: LiteralString) -> str:
    return SHARED_WITH.format(
        columns=contact_id, viewer=where.number(caller.user_id), tenant=where.number(caller.tenant_id)
    )
