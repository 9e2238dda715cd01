"""Brings events to the index: rows first, then the documents that the rows make. Each step can be done again.

A crash between PostgreSQL and Elasticsearch leaves dirty rows; whoever comes next, a batch or a starting worker,
brings them over. Nothing is kept in memory between the steps, so nothing can be lost there.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Final
from uuid import UUID

from crm_search import index_registry, records
from crm_search.bulk import Write, address_of
from crm_search.dirty_rows import DirtyRow, list_dirty
from crm_search.index import INDEX_VERSION
from crm_search.projections import SearchRecord, to_document
from crm_search.store import DocumentStore
from crm_search.under_way import Portion, UnderWay, handing_over
from crm_shared.contracts import BadRecord
from crm_shared.database import Database
from crm_shared.json_text import JsonText, to_json

BULK_ROWS: Final = 500
"""Documents in one bulk request."""

FAN_OUT_PARENTS: Final = 500
FAN_OUT_ROWS: Final = 5000
"""Rows marked in one transaction: a pipeline's new stage name reaches a million deals without one long lock."""


async def index(database: Database, store: DocumentStore, pieces: AsyncIterable[Sequence[SearchRecord]]) -> None:
    """Take a batch in, a piece in each transaction. When it returns, the index has every document that it changed.

    While the index takes one piece's documents the next piece is saved and its documents are made. Raises BadRecord
    when the index refuses one of the batch, and what the stores raise while they are away.
    """
    taken: list[SearchRecord] = []
    async with handing_over(database, store) as under_way:
        async for piece in pieces:
            async with database.begin_as_worker() as transaction:
                await records.save(transaction, piece)
            taken += piece
            await _mark_all(database)
            await _hand_over(database, under_way)
        await _flush(database, under_way)
    async with database.read_as_worker() as connection:
        rejection = await records.find_rejection(connection, taken)
    if rejection is not None:
        raise BadRecord(rejection)


async def catch_up(database: Database, store: DocumentStore) -> None:
    """Mark what hangs on changed records, and bring every dirty row's document to the index."""
    await _mark_all(database)
    await flush(database, store)


async def flush(database: Database, store: DocumentStore) -> None:
    """Bring every dirty row's document to the index."""
    async with handing_over(database, store) as under_way:
        await _flush(database, under_way)


async def _mark_all(database: Database) -> None:
    while await fan_out(database):
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


async def _flush(database: Database, under_way: UnderWay) -> None:
    """Hand over what is dirty until nothing is: what changed while its document was under way, too."""
    while True:
        await _hand_over(database, under_way)
        if not await under_way.end():
            return


async def _hand_over(database: Database, under_way: UnderWay) -> None:
    """Hand over all dirty rows whose documents are not under way; the last portion is under way at the end."""
    while (portion := await _make_portion(database, under_way.ids)) is not None:
        await under_way.begin(portion)


async def _make_portion(database: Database, but: Sequence[UUID]) -> Portion | None:
    """Read dirty rows, but for these records', and make their documents; None when there are none."""
    read_at_s = time.monotonic()
    async with database.read_as_worker() as connection:
        rows = await list_dirty(connection, limit=BULK_ROWS, but=but)
        # After the rows: an index that is registered later is filled from rows as new as these.
        is_filling = await index_registry.is_filling(connection) if rows else False
    if not rows:
        return None
    # In a thread: the loop has heartbeats to send and probes to answer, however long the texts are.
    return Portion(rows, await asyncio.to_thread(to_writes, rows), is_filling=is_filling, read_at_s=read_at_s)


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
    text = to_json(document)  # once: what is added needs no second writing
    digest = hashlib.blake2b(text, digest_size=8).hexdigest()
    whole = JsonText(b'%b,"form":%d,"digest":"%b"}' % (text[:-1], INDEX_VERSION, digest.encode()))
    return Write(key, row.revision, whole, digest)
