"""Looks a user up by e-mail address for `crm token`, in the contacts database, which owns users."""

from uuid import UUID

from crm_local.plan import Plan

FIND_USER = "SELECT id FROM directory_users WHERE tenant_id = %s AND lower(email) = lower(%s)"


class UnknownUser(Exception):
    """No user of the tenant has this address, or nobody can be asked now."""


def find_user_id(plan: Plan, tenant_id: UUID, user: str) -> UUID:
    """Read `user` as an id, or find the user of that e-mail address. Raises UnknownUser."""
    try:
        return UUID(user)
    except ValueError:
        pass
    if "@" not in user:
        raise UnknownUser(f"{user!r} is neither an id nor an e-mail address")
    import psycopg  # noqa: PLC0415 - 0.2 s: most tokens are asked for by id

    try:
        # The worker's role, because it sees every tenant.
        with psycopg.connect(plan.dsn("contacts", "worker"), connect_timeout=5) as connection:
            row = connection.execute(FIND_USER, (tenant_id, user)).fetchone()
    except psycopg.OperationalError as error:
        raise UnknownUser(f"can't look {user} up, the database is not there: crm up ({error})") from error
    if row is None:
        raise UnknownUser(f"tenant {tenant_id} has no user {user}")
    return UUID(str(row[0]))
