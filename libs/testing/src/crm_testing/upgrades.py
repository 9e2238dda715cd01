"""A database as an earlier release left it, and its upgrade: for tests of migrations that mend what is there."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from crm_shared.database.migrations import migrate
from crm_shared.entry_points.provision import provision

PASSWORD = "secret"  # noqa: S105 - of a throw-away engine; the same everywhere, as roles belong to the cluster


@dataclass(frozen=True, slots=True)
class Upgrade:
    """`admin` is an administrator's connection to the database, whom no policy hides a row from."""

    admin: asyncpg.Connection
    owner_dsn: str
    migrations: Path

    async def finish(self) -> None:
        """Run the migrations that are left."""
        await asyncio.to_thread(migrate, self.owner_dsn, self.migrations)


@asynccontextmanager
async def upgrading(service: str, migrations: Path, *, admin_dsn: str, until: str) -> AsyncIterator[Upgrade]:
    """Make a database of `service` with its migrations up to `until`; it is dropped in the end."""
    name = f"test_{service}_{uuid.uuid4().hex[:12]}"
    await provision(admin_dsn, service, password_of=lambda _role: PASSWORD, database=name)
    address = urlsplit(admin_dsn)
    owner_dsn = f"postgresql://{service}_owner:{PASSWORD}@{address.hostname}:{address.port}/{name}"
    await asyncio.to_thread(migrate, owner_dsn, migrations, until=until)
    admin = await asyncpg.connect(admin_dsn, database=name)
    try:
        yield Upgrade(admin, owner_dsn, migrations)
    finally:
        await admin.close()
        server = await asyncpg.connect(admin_dsn)
        await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await server.close()
