"""Lets batches in no faster than what reads of them takes them in: whoever writes one record meanwhile waits behind.

A tenant's first records of a window always pass, so one tenant's flood is no other's wait. More of them pass while
little is before everybody, wait for that a while, and are told to come again (decision 79).
"""

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from prometheus_client import Histogram

from crm_shared.bulk_backlog import STALE_AFTER_S, Measured, read_backlog
from crm_shared.database import Database
from crm_shared.http.batch_limit import BatchLimit, TooManyBatchItems
from crm_shared.http.rate_limit import share_of
from crm_shared.settings import ServiceSettings

WAIT_S: Final = Histogram(
    "crm_batch_wait_seconds",
    "Seconds that a batch waited for readers to come near, also where it was refused in the end; first ones never wait",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LOOK_EVERY_S: Final = 0.1
"""How old what a process knows of the backlog may be: its batches that wait look at it together."""

KEPT_S: Final = 10.0
"""How long an ended batch is counted, if nothing is measured: later, readers have it, or nobody knows."""

READ_A_SECOND: Final = 500
"""What a reader of two busy cores takes in at least: so soon a refused batch may come again."""


class BatchTurn:
    """One batch under way. Its records are before everybody once it was taken, and measured only after its end."""

    def __init__(self, pace: "BatchPace") -> None:
        self._pace = pace
        self.records = 0
        self.ended_at_s = math.inf

    async def take(self, tenant_id: UUID, records: int) -> None:
        """Come in with so many records. Raises TooManyBatchItems, with `retry_after_s`."""
        await self._pace.let_in(self, tenant_id, records)


class BatchPace:
    """Of one process. What all let in at once is more by a batch each than `most_behind`, at most."""

    def __init__(self, database: Database, settings: ServiceSettings) -> None:
        self._database = database
        self._limit = BatchLimit.of(settings)
        self._free = share_of(settings.batch_free_items, settings)
        self._most_behind = settings.batch_readers_behind
        self._wait_s = settings.batch_wait_s
        self._turns: set[BatchTurn] = set()
        self._lines: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._looking = asyncio.Lock()
        self._looked_at_s = -math.inf
        self._measured: Measured | None = None
        self._unknown_since_s = -math.inf

    @contextmanager
    def turn(self) -> Iterator[BatchTurn]:
        """Yield the turn of a request; with the block it ends."""
        turn = BatchTurn(self)
        try:
            yield turn
        finally:
            turn.ended_at_s = time.monotonic()

    async def let_in(self, turn: BatchTurn, tenant_id: UUID, records: int) -> None:
        """Count the turn's records, and let it wait for room unless they are its tenant's first of the window."""
        counted = self._limit.count(tenant_id, records)
        if counted.before < self._free:
            self._take(turn, records)
            return
        with WAIT_S.time():
            try:
                await self._wait_in_line(turn, tenant_id, records)
            except BaseException:
                self._limit.give_back(tenant_id, records, counted)
                raise

    async def _wait_in_line(self, turn: BatchTurn, tenant_id: UUID, records: int) -> None:
        # One of a tenant looks for room at a time: who sends twenty at once gets no more of it than who sends one.
        line = self._lines.setdefault(tenant_id, asyncio.Lock())
        until_s = time.monotonic() + self._wait_s
        try:
            async with asyncio.timeout(self._wait_s):
                await line.acquire()
        except TimeoutError:
            raise self._refuse() from None
        try:
            while not await self._has_room(tenant_id):
                if time.monotonic() > until_s:
                    raise self._refuse()
                await asyncio.sleep(LOOK_EVERY_S)
            self._take(turn, records)
        finally:
            line.release()

    def _take(self, turn: BatchTurn, records: int) -> None:
        self._forget_ended(time.monotonic() - KEPT_S)  # first batches alone never look, and would be kept for good
        turn.records = records
        self._turns.add(turn)

    async def _has_room(self, tenant_id: UUID) -> bool:
        await self._look(tenant_id)
        if self._measured is None:
            return True
        if self._measured.is_fresh:
            return self._count_behind() <= self._most_behind
        # Nobody measures: no worker runs, or Kafka is away. Commands don't wait for either.
        return self._looked_at_s - self._unknown_since_s > STALE_AFTER_S

    async def _look(self, tenant_id: UUID) -> None:
        async with self._looking:
            now_s = time.monotonic()
            if now_s - self._looked_at_s < LOOK_EVERY_S:
                return
            async with self._database.read(tenant_id) as connection:
                self._measured = await read_backlog(connection)
            if self._measured is None or self._measured.is_fresh or now_s - self._looked_at_s > STALE_AFTER_S:
                self._unknown_since_s = now_s
            self._looked_at_s = now_s
            if self._measured is not None:
                self._forget_ended(self._measured.began_at_s)

    def _forget_ended(self, until_s: float) -> None:
        self._turns = {turn for turn in self._turns if turn.ended_at_s > until_s}

    def _count_behind(self) -> int:
        measured = 0 if self._measured is None else self._measured.records
        return measured + sum(turn.records for turn in self._turns)

    def _refuse(self) -> TooManyBatchItems:
        behind, slowest = self._count_behind(), "" if self._measured is None else self._measured.slowest
        wait_s = max(1, math.ceil((behind - self._most_behind) / READ_A_SECOND))
        return TooManyBatchItems(
            f"{behind:,} records are before what is written now ({slowest or 'batches under way'}), and more of yours"
            f" would make everybody wait (batch_readers_behind). Come again in {wait_s} s.",
            retry_after_s=wait_s,
        )
