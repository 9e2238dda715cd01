"""Has the index drop from its files what it has deleted of erased records.

Elasticsearch only marks a deleted or replaced document; its words stay in the segment's files until a merge leaves them
out, which in a quiet index may be never.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from crm_search.store import DocumentStore
from crm_shared.database import Database

logger = structlog.get_logger(__name__)

SETTLE_S: Final = 90.0
"""From a flush until a merge may drop what was deleted before it: shards agree on that every 30 s, in two steps."""

# Not in the transaction that takes the event in, but once the index has it: what is noted is gone from sight already.
NOTE: Final = """
    INSERT INTO erased_traces (tenant_id, type, id, noted_at)
    SELECT tenant_id, type, id, now() FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS erased (tenant_id, type, id)
     ORDER BY tenant_id, type, id
    ON CONFLICT (tenant_id, type, id) DO UPDATE SET noted_at = excluded.noted_at
"""
FIND_LAST: Final = "SELECT max(noted_at) FROM erased_traces"
FORGET: Final = "DELETE FROM erased_traces WHERE noted_at <= $1"


async def note_traces(database: Database, keys: Sequence[tuple[UUID, str, UUID]]) -> None:
    """Have what the index deleted of these records dropped, by (tenant id, type, id)."""
    if keys:
        async with database.begin_as_worker() as transaction:
            await transaction.execute(NOTE, *(list(column) for column in zip(*keys, strict=True)))


async def drop_traces(database: Database, store: DocumentStore, *, settle_s: float = SETTLE_S) -> bool:
    """Drop what is noted by now; False when nothing is. Raises as the stores do.

    Other records' deleted documents go with them: that is a merge of every segment that has any.
    """
    async with database.read_as_worker() as connection:
        last = await connection.fetchval(FIND_LAST)
    if last is None:
        return False
    await store.flush()
    await asyncio.sleep(settle_s)
    await store.drop_deleted()
    async with database.begin_as_worker() as transaction:
        await transaction.execute(FORGET, last)
    logger.info("the index has dropped what it had deleted", noted_until=last.isoformat())
    return True
