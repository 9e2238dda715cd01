"""Which rows a caller may see: the one place of it for PostgreSQL. Every read passes here."""

from typing import LiteralString

from crm_shared.access.caller import Caller, Role
from crm_shared.database.where import Where

# Literal column names and parameter numbers are filled in, never a value.
SEEN_BY_MANAGER: LiteralString = """({column} = {viewer} OR EXISTS (
    SELECT FROM visible_owners o
     WHERE o.tenant_id = {tenant} AND o.viewer_id = {viewer} AND o.owner_id = {column}))"""


def add_visible(where: Where, caller: Caller, *owner_columns: LiteralString) -> Where:
    """Leave rows of which one of `owner_columns` is the caller or somebody whose records the caller sees.

    ADMIN: no clause, the tenant is row-level security's. REP: a plain comparison, so that an index on
    (owner, sort key) serves the page. MANAGER: a probe of `visible_owners`.
    """
    if caller.role is Role.ADMIN:
        return where
    viewer = where.number(caller.user_id)
    if caller.role is Role.REP:
        clauses = [f"{column} = {viewer}" for column in owner_columns]
    else:
        tenant = where.number(caller.tenant_id)
        clauses = [SEEN_BY_MANAGER.format(column=column, viewer=viewer, tenant=tenant) for column in owner_columns]
    return where.add_sql("(" + " OR ".join(clauses) + ")")
