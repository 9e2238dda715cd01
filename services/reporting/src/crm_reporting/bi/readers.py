"""Makes the logins of BI tools. Each is of one tenant, which its name says and the policies read off it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

import asyncpg

from crm_shared.database import Connection
from crm_shared.database.public_functions import LIST_OPEN

GROUP: Final = "reporting_bi"
CONNECTIONS: Final = 8
"""Of one tenant at a time: a dashboard asks several questions at once, and must not take the others' connections."""

# A session may raise them, and a login set them for itself: they are for accidents.
SETTINGS: Final = {
    "search_path": "bi",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "1h",
    "default_transaction_read_only": "on",
}
# These no login can change. Nobody but a superuser, or who has SET on them, can set them.
LIMITS: Final = {"temp_file_limit": "2GB"}

IS_ROLE: Final = "SELECT true FROM pg_roles WHERE rolname = $1"
LIST_RESETS: Final = """
    SELECT format('ALTER ROLE %I', r.rolname) || COALESCE(' IN DATABASE ' || quote_ident(d.datname), '') || ' RESET ALL'
      FROM pg_roles r
      JOIN pg_db_role_setting s ON s.setrole = r.oid
      LEFT JOIN pg_database d ON d.oid = s.setdatabase
     WHERE r.rolname = $1
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """A login as it is given out: the password is kept nowhere."""

    role: str
    dsn: str
    valid_until: datetime | None
    missing_limits: tuple[str, ...] = ()
    """Of `LIMITS`, those that the administrator may not set."""


def role_of(tenant_id: UUID) -> str:
    """Return the name of the tenant's login; `bi.reader_tenant()` reads the tenant off it."""
    return f"{GROUP}_{tenant_id.hex}"


async def list_open_functions(connection: Connection, tenant_id: UUID) -> list[str]:
    """Name what the tenant's login may call, or could once it is made, to the harm of everybody."""
    return [row[0] for row in await connection.fetch(LIST_OPEN, role_of(tenant_id), GROUP)]


async def grant_reader(
    admin_dsn: str, tenant_id: UUID, *, address: str, valid_until: datetime | None, password: str | None = None
) -> Reader:
    """Make the tenant's login, or give the one that is there a new password. `address` is `host:port/database`."""
    role, password = role_of(tenant_id), password or secrets.token_urlsafe(24)
    until = "infinity" if valid_until is None else valid_until.astimezone(UTC).isoformat()
    admin = await asyncpg.connect(admin_dsn)
    try:
        async with admin.transaction():
            if not await admin.fetchval(IS_ROLE, role):
                await admin.execute(f"CREATE ROLE {role}")
            quoted, limit = await admin.fetchval("SELECT quote_literal($1::text)", password), f"{CONNECTIONS}"
            await admin.execute(
                f"ALTER ROLE {role} LOGIN INHERIT CONNECTION LIMIT {limit} PASSWORD {quoted} VALID UNTIL '{until}'"
            )
            missing = await _configure(admin, role)
            # It has the group's rights and can't become the group.
            await admin.execute(f"GRANT {GROUP} TO {role} WITH ADMIN FALSE, INHERIT TRUE, SET FALSE")
    finally:
        await admin.close()
    return Reader(role, f"postgresql://{role}:{quote(password, safe='')}@{address}", valid_until, missing)


async def _configure(admin: asyncpg.Connection, role: str) -> tuple[str, ...]:
    """Return the login its settings in place of any that it gave itself. Return the limits that could not be set."""
    for row in await admin.fetch(LIST_RESETS, role):
        await admin.execute(row[0])
    for name, value in SETTINGS.items():
        await admin.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
    missing = []
    for name, value in LIMITS.items():
        try:
            async with admin.transaction():
                await admin.execute(f"ALTER ROLE {role} SET {name} = '{value}'")
        except asyncpg.InsufficientPrivilegeError:
            missing.append(name)
    return tuple(missing)
