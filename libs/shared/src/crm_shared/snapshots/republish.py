"""Emits the present state of aggregates again, so that a projection can be rebuilt from nothing."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from crm_shared.backpressure import Backpressure
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database
from crm_shared.publishing import publish

logger = structlog.get_logger(__name__)

CHUNK_EVENTS: Final = 500


async def republish(
    database: Database,
    snapshots: AsyncIterator[OutboxEvent],
    *,
    progress: Callable[[int], None] | None = None,
    chunk_events: int = CHUNK_EVENTS,
    backpressure: Backpressure | None = None,
) -> int:
    """Append the service's `snapshots` to the outbox, a transaction a chunk, and return how many there were.

    `database` is the worker role's. `progress` is called with the count so far. With a `backpressure` each chunk waits
    for relay and readers. A snapshot repeats a version that is already out, so an interrupted run is simply run again.
    Raises as the database and the iterator do.
    """
    done = 0
    chunk: list[OutboxEvent] = []
    async for snapshot in snapshots:
        chunk.append(snapshot)
        if len(chunk) >= chunk_events:
            if backpressure is not None:
                await backpressure.wait()
            done += await _flush(database, chunk)
            chunk = []
            if progress is not None:
                progress(done)
    done += await _flush(database, chunk)
    if progress is not None:
        progress(done)
    logger.info("snapshots appended to the outbox", count=done)
    return done


async def _flush(database: Database, chunk: list[OutboxEvent]) -> int:
    if chunk:
        async with database.begin_as_worker() as transaction:
            await publish(transaction, chunk, audited=False)
    return len(chunk)
