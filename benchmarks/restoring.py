"""Fill tables as a restore does: rows first, indexes after them, and at last what autovacuum does within minutes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from benchmarks.arena import Arena

LIST_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
      FROM pg_index
     WHERE indrelid = ANY ($1::text[]::regclass[]) AND NOT indisprimary
"""


@asynccontextmanager
async def restoring(
    arena: Arena, service: str, *, indexed: Sequence[str], triggered: str, vacuumed: Sequence[str]
) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection to fill with, as the worker role.

    Meanwhile the tables `indexed` have no indexes but their primary keys, and `triggered` has no triggers.
    """
    owner = await asyncpg.connect(arena.environment[f"CRM_{service.upper()}_OWNER_DSN"])
    indexes = await owner.fetch(LIST_INDEXES, indexed)
    for index in indexes:
        await owner.execute(f"DROP INDEX {index['name']}")
    await owner.execute(f"ALTER TABLE {triggered} DISABLE TRIGGER USER")
    loader = await asyncpg.connect(arena.worker_dsn)  # not the pool's: a statement here may take minutes
    yield loader
    await loader.close()
    await owner.execute(f"ALTER TABLE {triggered} ENABLE TRIGGER USER")
    for index in indexes:
        await owner.execute(index["definition"])
    for table in vacuumed:
        await owner.execute(f"VACUUM ANALYZE {table}")
    await owner.close()
