"""Statistics and visibility of tables as a test's plans need them."""

import asyncio
from typing import Final

import asyncpg

# Pages that PostgreSQL has added ahead of their use, for others who waited, are never visible to all.
NEARLY_ALL_VISIBLE: Final = """
    SELECT coalesce(bool_and(relallvisible >= 0.9 * relpages), false)
      FROM pg_class
     WHERE oid = ANY ($1::text[]::regclass[])
"""
TIMES: Final = 100
PAUSE_S: Final = 0.1


async def vacuum(owner_dsn: str, *tables: str) -> None:
    """VACUUM ANALYZE `tables`, again while rows of theirs are hidden: only if all see a page an index alone answers.

    A transaction that is open meanwhile, such as a background round's, hides from a VACUUM what was written since it
    began. Gives up after TIMES: the plans that the test looks at say then what they lack.
    """
    owner = await asyncpg.connect(owner_dsn)
    try:
        for _ in range(TIMES):
            for table in tables:
                await owner.execute(f"VACUUM (ANALYZE) {table}")
            if await owner.fetchval(NEARLY_ALL_VISIBLE, list(tables)):
                return
            await asyncio.sleep(PAUSE_S)
    finally:
        await owner.close()
