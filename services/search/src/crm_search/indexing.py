"""Brings events to the index: rows first, then the documents that the rows make. Each step can be done again.

A crash between PostgreSQL and Elasticsearch leaves dirty rows; whoever comes next, a batch or a starting worker,
brings them over. Nothing is kept in memory between the steps, so nothing can be lost there.
"""

import asyncio
import hashlib
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from crm_search import index_registry, records
from crm_search.bulk import IndexMissing, Write, address_of
from crm_search.dirty_rows import DirtyRow, list_dirty
from crm_search.index import INDEX_VERSION
from crm_search.projections import SearchRecord, to_document
from crm_search.store import DocumentStore
from crm_shared.contracts import BadRecord
from crm_shared.database import Database
from crm_shared.json_text import to_json

BULK_ROWS: Final = 1000
"""Documents in one bulk request: a batch of 500 events and what hangs on them fit in one."""

FAN_OUT_PARENTS: Final = 500
FAN_OUT_ROWS: Final = 5000
"""Rows marked in one transaction: a pipeline's new stage name reaches a million deals without one long lock."""


async def index(database: Database, store: DocumentStore, batch: Collection[SearchRecord]) -> None:
    """Take a batch in. When it returns, the index has every document that it changed.

    Raises BadRecord when the index refuses one of the batch, and what the stores raise while they are away.
    """
    async with database.begin_as_worker() as transaction:
        await records.save(transaction, batch)
    await catch_up(database, store)
    async with database.read_as_worker() as connection:
        rejection = await records.find_rejection(connection, batch)
    if rejection is not None:
        raise BadRecord(rejection)


async def catch_up(database: Database, store: DocumentStore) -> None:
    """Mark what hangs on changed records, and bring every dirty row's document to the index."""
    while await fan_out(database):
        pass
    while await flush(database, store):
        pass


async def fan_out(database: Database, *, limit: int = FAN_OUT_ROWS) -> bool:
    """Mark up to `limit` of the documents that show a changed record; False when there are none left.

    A child that is written meanwhile needs no mark: its own document is made after its commit, from the parent's new
    row. Two transactions, so that locks are always taken in one order; a crash between them marks a portion twice.
    """
    async with database.read_as_worker() as connection:
        parents = await records.list_fanning_out(connection, limit=FAN_OUT_PARENTS)
    if not parents:
        return False
    async with database.begin_as_worker() as transaction:
        reached = await records.mark_children(transaction, parents, limit=limit)
    async with database.begin_as_worker() as transaction:
        await records.advance(transaction, parents, reached)
    return True


async def flush(database: Database, store: DocumentStore) -> bool:
    """Bring one bulk of dirty rows over; False when there are none left."""
    read_at_s = time.monotonic()
    async with database.read_as_worker() as connection:
        rows = await list_dirty(connection, limit=BULK_ROWS)
        # After the rows: an index that is registered later is filled from rows as new as these.
        is_filling = await index_registry.is_filling(connection)
    if not rows:
        return False
    # In a thread: the loop has heartbeats to send and probes to answer, however long the texts are.
    writes = await asyncio.to_thread(to_writes, rows)
    rejections = await _write(store, writes, is_filling=is_filling, read_at_s=read_at_s)
    indexed = [
        records.Indexed(row.tenant_id, row.type, row.id, row.revision, rejection)
        for row, rejection in zip(rows, rejections, strict=True)
    ]
    async with database.begin_as_worker() as transaction:
        await records.mark_indexed(transaction, indexed)
    return True


async def _write(
    store: DocumentStore, writes: Sequence[Write], *, is_filling: bool, read_at_s: float
) -> list[str | None]:
    """Write into the index that is filled too, if there is one, and into the live one.

    The live one last, so that a write that missed the filled one's end meets it as the live one. Refused is what both
    refuse: what the one of the older form can't take is in the other, and what is in none of them is found when they
    are compared.
    """
    if is_filling:
        try:
            beside = await store.beside().write(writes, read_at_s=read_at_s)
        except IndexMissing:
            pass  # abandoned meanwhile, or taken away by hand: it is compared before anyone reads it
        else:
            live = await store.write(writes, read_at_s=read_at_s)
            return [one and other for one, other in zip(beside, live, strict=True)]
    return await store.write(writes, read_at_s=read_at_s)


def to_writes(rows: Iterable[DirtyRow]) -> list[Write]:
    """Make the documents of rows."""
    return [_to_write(row) for row in rows]


def _to_write(row: DirtyRow) -> Write:
    key = address_of(row.tenant_id, row.type, row.id)
    if row.is_hidden:
        return Write(key, row.revision, None)
    document = to_document(
        row.type, row.id, row.tenant_id, row.state, row.summaries, contacts=row.contacts, former=row.former
    )
    return Write(key, row.revision, {**document, "form": INDEX_VERSION, "digest": _digest(document)})


def _digest(document: dict[str, Any]) -> str:
    return hashlib.blake2b(to_json(document), digest_size=8).hexdigest()
