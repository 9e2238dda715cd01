"""Databases of a service as its migrations leave them: a process migrates once, and copies from then on.

To migrate takes half a second of CPU and more of waiting, to copy a tenth of that.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from crm_shared.database.migrations import migrate
from crm_shared.entry_points.provision import provision

_TEMPLATES: Final[dict[tuple[str, str, Path], str]] = {}
"""By server, service and folder of migrations."""

# A copy has all that is in a database, and none of the rights on itself.
LIST_GRANTS: Final = """
    SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, $2::text,
                  coalesce(quote_ident(r.rolname), 'PUBLIC'))
      FROM pg_database AS d
     CROSS JOIN aclexplode(d.datacl) AS a
      LEFT JOIN pg_roles AS r ON r.oid = a.grantee
     WHERE d.datname = $1
"""


async def make_migrated_database(admin_dsn: str, service: str, migrations: Path, name: str, password: str) -> None:
    """Make database `name` as `provision` and `migrate` do, with `password` for each of the service's roles."""
    key = (admin_dsn, service, migrations)
    if key not in _TEMPLATES:
        _TEMPLATES[key] = await _make_template(admin_dsn, service, migrations, password)
    template = _TEMPLATES[key]
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {service}_owner')
        await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        for (grant,) in await admin.fetch(LIST_GRANTS, template, name):
            await admin.execute(grant)
    finally:
        await admin.close()


async def _make_template(admin_dsn: str, service: str, migrations: Path, password: str) -> str:
    name = f"migrated_{service}_{uuid4().hex[:12]}"
    await provision(admin_dsn, service, password_of=lambda _role: password, database=name)
    at = urlsplit(admin_dsn)
    await asyncio.to_thread(
        migrate, f"postgresql://{service}_owner:{password}@{at.hostname}:{at.port}/{name}", migrations
    )
    admin = await asyncpg.connect(admin_dsn)
    try:
        # While somebody is connected, nothing can be copied.
        await admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    finally:
        await admin.close()
    return name


async def drop_templates() -> None:
    """Drop what this process has copied from, where the server is still there: an external one outlives the tests."""
    while _TEMPLATES:
        (admin_dsn, *_), name = _TEMPLATES.popitem()
        with suppress(OSError, asyncpg.PostgresError):
            admin = await asyncpg.connect(admin_dsn)
            try:
                await admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
            finally:
                await admin.close()
