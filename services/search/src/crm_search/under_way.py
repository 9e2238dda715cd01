"""The portion of documents that the index is taking, while the next one is read and made.

Nothing depends on what is kept here: rows stay dirty until the index has said that it took their documents, so what is
lost with a process is read again by the next.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from crm_search import records
from crm_search.bulk import IndexMissing, Write
from crm_search.dirty_rows import DirtyRow
from crm_search.store import DocumentStore
from crm_shared.database import Database


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows and the documents made of them. `read_at_s`: when the rows were read, by time.monotonic().

    `is_filling`: whether there was an index to be written beside the live one, asked after the rows were read.
    """

    rows: Sequence[DirtyRow]
    writes: Sequence[Write]
    is_filling: bool
    read_at_s: float


class UnderWay:
    """One portion at most: so two are held at once, and of no record an older document follows a newer one."""

    def __init__(self, database: Database, store: DocumentStore) -> None:
        self._database = database
        self._store = store
        self._taking: asyncio.Task[None] | None = None
        self.ids: Sequence[UUID] = ()

    async def begin(self, portion: Portion) -> None:
        """Have the index take a portion, once it has the one before. Raises what that one came to."""
        await self.end()
        self.ids = [row.id for row in portion.rows]
        self._taking = asyncio.create_task(self._take(portion))

    async def end(self) -> bool:
        """Wait until the index has the portion and the rows say so; False when there is none. Raises as stores do."""
        if self._taking is None:
            return False
        try:
            await self._taking
        finally:
            self._taking, self.ids = None, ()
        return True

    async def abandon(self) -> None:
        """Take no more of it, whatever it came to: its rows stay dirty."""
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.wait([self._taking])
            self._taking, self.ids = None, ()

    async def _take(self, portion: Portion) -> None:
        rejections = await _write(self._store, portion)
        indexed = [
            records.Indexed(row.tenant_id, row.type, row.id, row.revision, rejection)
            for row, rejection in zip(portion.rows, rejections, strict=True)
        ]
        async with self._database.begin_as_worker() as transaction:
            await records.mark_indexed(transaction, indexed)


@asynccontextmanager
async def handing_over(database: Database, store: DocumentStore) -> AsyncIterator[UnderWay]:
    """Yield what portions are handed to. At the block's end the index has them all, or it raises."""
    under_way = UnderWay(database, store)
    try:
        yield under_way
        await under_way.end()
    finally:
        await under_way.abandon()


async def _write(store: DocumentStore, portion: Portion) -> list[str | None]:
    """Write into the index that is filled too, if there is one, and into the live one.

    The live one last, so that a write that missed the filled one's end meets it as the live one. Refused is what both
    refuse: what the one of the older form can't take is in the other, and what is in none of them is found when they
    are compared.
    """
    if portion.is_filling:
        try:
            beside = await store.beside().write(portion.writes, read_at_s=portion.read_at_s)
        except IndexMissing:
            pass  # abandoned meanwhile, or taken away by hand: it is compared before anyone reads it
        else:
            live = await store.write(portion.writes, read_at_s=portion.read_at_s)
            return [one and other for one, other in zip(beside, live, strict=True)]
    return await store.write(portion.writes, read_at_s=portion.read_at_s)
