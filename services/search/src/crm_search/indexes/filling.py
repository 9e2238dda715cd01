"""Writes the documents of rows into an index, part by part: a new one beside the live one, or the live one itself."""

import asyncio
import time
from typing import Final
from uuid import UUID

from crm_search.dirty_rows import MAX_STATE_BYTES, list_part
from crm_search.indexes import parts
from crm_search.indexing import to_writes
from crm_search.store import DocumentStore
from crm_shared.database import Database

PORTION_ROWS: Final = 500


async def fill_portion(
    database: Database,
    store: DocumentStore,
    index_name: str,
    *,
    tenant_id: UUID | None = None,
    portion_rows: int = PORTION_ROWS,
) -> bool:
    """Write the next portion, into the index behind `store`; False when no part is free to be filled.

    Of the same revision as the index has, a document is written again: another form may have made it. Newer ones stay.
    What the index refuses is found when it is compared. Raises as the stores do.
    """
    async with database.begin_as_worker() as transaction:
        part = await parts.take_to_fill(transaction, index_name, tenant_id)
        if part is None:
            return False
        read_at_s = time.monotonic()
        rows = await list_part(transaction, *part, limit=portion_rows, max_bytes=MAX_STATE_BYTES)
        if rows:
            writes = await asyncio.to_thread(to_writes, rows)
            await store.write(writes, read_at_s=read_at_s, replaces_same=True)
        await parts.note_filled(transaction, index_name, part, rows[-1].id if rows else None, len(rows))
    return True
