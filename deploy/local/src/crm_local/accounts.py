"""Looks tenants and users up for `crm token` and `crm report`, in the contacts database, which owns them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_local.plan import Plan

FIND_USER = "SELECT id FROM directory_users WHERE tenant_id = %s AND lower(email) = lower(%s)"
FIND_FIRST = """
    SELECT id FROM directory_users WHERE tenant_id = %s AND role = %s AND active ORDER BY created_at, id LIMIT 1
"""
LIST_TENANTS = "SELECT tenant_id, name FROM directory_tenants ORDER BY created_at, tenant_id"


class UnknownUser(Exception):
    """No user of the tenant has this address, or nobody can be asked now."""


@dataclass(frozen=True, slots=True)
class TenantName:
    tenant_id: UUID
    name: str


def find_user_id(plan: Plan, tenant_id: UUID, user: str) -> UUID:
    """Read `user` as an id, or find the user of that e-mail address. Raises UnknownUser."""
    try:
        return UUID(user)
    except ValueError:
        pass
    if "@" not in user:
        raise UnknownUser(f"{user!r} is neither an id nor an e-mail address")
    rows = _select(plan, FIND_USER, (tenant_id, user), wanted=user)
    if not rows:
        raise UnknownUser(f"tenant {tenant_id} has no user {user}")
    return UUID(str(rows[0][0]))


def find_admin_id(plan: Plan, tenant_id: UUID) -> UUID:
    """Find the tenant's longest-serving ADMIN. Raises UnknownUser."""
    from crm_shared.access import Role  # noqa: PLC0415 - costs a token by id nothing

    rows = _select(plan, FIND_FIRST, (tenant_id, Role.ADMIN.value), wanted="the tenant's ADMIN")
    if not rows:
        raise UnknownUser(f"tenant {tenant_id} has no ADMIN here: crm tenant list")
    return UUID(str(rows[0][0]))


def list_tenants(plan: Plan) -> list[TenantName]:
    """List the suite's tenants, the oldest first. Raises UnknownUser when the database is away."""
    return [TenantName(UUID(str(row[0])), row[1]) for row in _select(plan, LIST_TENANTS, (), wanted="the tenants")]


def _select(plan: Plan, statement: str, values: tuple[object, ...], *, wanted: str) -> list[tuple[Any, ...]]:
    import psycopg  # noqa: PLC0415 - 0.2 s: most tokens are asked for by id

    try:
        # The worker's role, because it sees every tenant.
        with psycopg.connect(plan.dsn("contacts", "worker"), connect_timeout=5) as connection:
            return connection.execute(statement, values).fetchall()
    except psycopg.OperationalError as error:
        raise UnknownUser(f"can't look {wanted} up, the database is not there: crm up ({error})") from error
