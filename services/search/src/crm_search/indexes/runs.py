"""What `crm-search rebuild` does from its beginning to its end, beside the workers that may be at the same."""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from crm_search import index_registry
from crm_search.index_registry import Index, State
from crm_search.indexes import parts, rebuilding
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.filling import fill_portion
from crm_shared.database import Database

PAUSE_S: Final = 0.2
"""While workers are at the last parts."""

SHOW_EVERY_S: Final = 2.0

# The rows that fill an index: a count of a million takes a fraction of a second, once.
COUNT_ROWS: Final = "SELECT count(*) FROM search_records WHERE type <> 'pipeline'"

Progress = Callable[[str], None]


async def rebuild(database: Database, cluster: IndexCluster, *, progress: Progress) -> str | None:
    """Put a new index in the live one's place, or finish what was begun; return why it may not stand there, if so."""
    index = await rebuilding.begin(database, cluster)
    if index is None:
        return None  # what was begun has come to its end this moment
    async with database.read_as_worker() as connection:
        rows = int(await connection.fetchval(COUNT_ROWS))
    progress(f"{index.name} is filled from {rows} rows")
    async with database.begin_as_worker() as transaction:
        await index_registry.try_again(transaction, index.name)
    began_s = shown_at_s = time.monotonic()
    while True:
        has_more = await rebuilding.advance(database, cluster)
        now = await _find(database, index.name)
        if now is None or now.state is State.ABANDONED:
            return "it was given up meanwhile"
        if now.refusal is not None or now.state not in index_registry.OPEN:
            progress(await _sum_up(database, index.name, time.monotonic() - began_s))
            return now.refusal
        if time.monotonic() - shown_at_s >= SHOW_EVERY_S:
            shown_at_s = time.monotonic()
            progress(await _describe(database, now, rows))
        if not has_more:
            await asyncio.sleep(PAUSE_S)


async def rewrite_tenant(database: Database, cluster: IndexCluster, tenant_id: UUID, *, progress: Progress) -> None:
    """Write one tenant's documents again into the live index. Stopped, it goes on from there at the next call."""
    name = await rebuilding.register_live(database, cluster)
    async with database.begin_as_worker() as transaction:
        await parts.add_missing(transaction, name)
        await parts.fill_again(transaction, name, tenant_id)
    shown_at_s = time.monotonic()
    while await fill_portion(database, cluster.store, name, tenant_id=tenant_id):
        if time.monotonic() - shown_at_s >= SHOW_EVERY_S:
            shown_at_s = time.monotonic()
            async with database.read_as_worker() as connection:
                progress(f"{await parts.count_filled_rows(connection, name, tenant_id)} documents are written")


async def abandon(database: Database) -> str | None:
    """Give up the index that is made or filled; return its name."""
    async with database.begin_as_worker() as transaction:
        index = await index_registry.find_beside(transaction)
        if index is not None:
            await rebuilding.abandon(transaction, index)
    return None if index is None else index.name


async def _find(database: Database, name: str) -> Index | None:
    async with database.read_as_worker() as connection:
        return await index_registry.find(connection, name)


async def _sum_up(database: Database, name: str, lasted_s: float) -> str:
    """Say what was done since the command began, by the workers too."""
    async with database.read_as_worker() as connection:
        filled = await parts.count_filled_rows(connection, name)
    return f"{filled} documents written and compared in {lasted_s:.1f} s: {filled / lasted_s:,.0f}/s"


async def _describe(database: Database, index: Index, rows: int) -> str:
    async with database.read_as_worker() as connection:
        filled = await parts.count_filled_rows(connection, index.name)
        compared, count = await parts.count_compared(connection, index.name)
    if index.state is State.FILLING and filled < rows and not compared:
        return f"{filled} of {rows} documents are written"
    return f"{compared} of {count} parts are compared with the rows"
