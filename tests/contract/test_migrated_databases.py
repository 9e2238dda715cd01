"""A database that tests copy is what `provision` and `migrate` make."""

import asyncio
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import pytest

from crm_shared.database.migrations import migrate
from crm_shared.entry_points.provision import provision
from crm_testing.migrated_databases import make_migrated_database

pytestmark = pytest.mark.engines

SERVICE: Final = "contacts"
"""One of its migrations gives a right on the database itself."""
MIGRATIONS: Final = Path(__file__).parents[2] / f"services/{SERVICE}/migrations/versions"
PASSWORD: Final = "secret"
LIST_RIGHTS: Final = "SELECT unnest(datacl)::text FROM pg_database WHERE datname = $1"
LIST_RELATIONS: Final = "SELECT relname, relkind, relowner, relacl::text FROM pg_class ORDER BY relname, relkind"


async def test_a_copy_has_every_table_and_every_right(postgres_admin_dsn: str) -> None:
    made, copied = (f"test_{SERVICE}_{uuid4().hex[:12]}" for _ in range(2))
    await provision(postgres_admin_dsn, SERVICE, password_of=lambda _role: PASSWORD, database=made)
    server = postgres_admin_dsn.rpartition("/")[0].rpartition("@")[2]
    await asyncio.to_thread(migrate, f"postgresql://{SERVICE}_owner:{PASSWORD}@{server}/{made}", MIGRATIONS)
    await make_migrated_database(postgres_admin_dsn, SERVICE, MIGRATIONS, copied, PASSWORD)

    admin = await asyncpg.connect(postgres_admin_dsn)
    try:
        rights = [{right for (right,) in await admin.fetch(LIST_RIGHTS, name)} for name in (made, copied)]
        assert rights[0] == rights[1]
        assert any(right.startswith(f"{SERVICE}_worker=Tc/") for right in rights[1])
        assert await list_relations(postgres_admin_dsn, made) == await list_relations(postgres_admin_dsn, copied)
    finally:
        for name in (made, copied):
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


async def list_relations(admin_dsn: str, database: str) -> list[tuple[object, ...]]:
    """List all of a database but what is stored out of line, which is named by number."""
    inside = await asyncpg.connect(admin_dsn, database=database)
    try:
        rows = await inside.fetch(LIST_RELATIONS)
    finally:
        await inside.close()
    return [tuple(row) for row in rows if not row["relname"].startswith("pg_toast")]
