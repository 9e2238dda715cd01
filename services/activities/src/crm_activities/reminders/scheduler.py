"""Gives each reminder once, when its time has come: a worker's own work, which several workers share.

What is due is read off the activities themselves, so a worker that dies leaves nothing behind: reminder, next version
and event are of one transaction. What is due next is made ready before (`preparing`): of thousands that are due at one
moment each then takes a third of Python's work.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_activities.activities.events import MAPPING
from crm_activities.reminders import repository
from crm_activities.reminders.domain import remind, since_when
from crm_activities.reminders.metrics import DELAY_S, GIVEN
from crm_activities.reminders.prepared import PreparedQueue, finish
from crm_activities.reminders.preparing import Preparer
from crm_shared.background import background, repeat
from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock, passed_s
from crm_shared.contracts import Actor
from crm_shared.database import Database
from crm_shared.publishing import publish

BATCH_RECORDS: Final = 250
"""In one transaction, and in one go on the event loop."""

SOME_LEFT: Final = BATCH_RECORDS // 2
"""More than these are given only where more may be due: tenants' equal shares of a batch fill half of it at least."""

AT_ONCE: Final = 3
"""Batches side by side, as long as more is due."""

POLL_S: Final = 0.5
"""How long a reminder that was just written, for a time nearer than all others, may go unseen."""

BUSY_S: Final = 0.05
"""How soon those are looked for again that are due and locked by others."""

UNPACED: Final = 10_000
"""So many in a row are given without a look at who reads them: they are due now. More than that is bulk work."""


class Reminders:
    """`database` is the worker role's."""

    def __init__(self, database: Database, clock: Clock, backpressure: Backpressure) -> None:
        self._database = database
        self._clock = clock
        self._backpressure = backpressure
        self._prepared = PreparedQueue()
        self._preparer = Preparer(database, self._prepared)
        self._in_a_row = 0
        self._last_tenant_id = UUID(int=0)

    async def run_round(self) -> bool:
        """Remind of what is due, or make ready what is next, or sleep until it is due. True: there is another round."""
        given = sum(await asyncio.gather(*(self.give_prepared() for _ in range(AT_ONCE))))
        unforeseen = await self.give_due()
        if unforeseen > SOME_LEFT:  # while PostgreSQL writes one batch, another is made ready
            room = UNPACED - given
            unforeseen += sum(await asyncio.gather(*(self._give_on(room) for _ in range(AT_ONCE))))
        given += unforeseen
        self._in_a_row = self._in_a_row + given if given else 0
        if self._in_a_row > UNPACED:
            await self._backpressure.wait()
        if not given and not await self.prepare():
            await asyncio.sleep(await self._find_pause_s())
        return True

    async def prepare(self) -> bool:
        """Make some ready whose time is near; False when none of them is left."""
        return await self._preparer.prepare_some(self._clock.now())

    async def give_prepared(self) -> int:
        """Remind of what is due and was made ready, a batch at a time; return how many were given.

        What was written since or is locked is left to `give_due`, as a batch is whose transaction fails.
        """
        total = 0
        while due := self._prepared.take_due(now := self._clock.now(), at_most=BATCH_RECORDS):
            async with self._database.begin_as_worker() as transaction:
                noted = await repository.note_prepared(transaction, due, now=now)
                given = [one for one in due if one.key in noted]
                await publish(transaction, finish(given, now=now), audited=True)
            self._count([one.due_since for one in given])
            total += len(given)
        return total

    async def _give_on(self, room: int) -> int:
        """Go from batch to batch while more are due; return how many were given, `room` at most by all at once."""
        total = 0
        while total < room // AT_ONCE:
            given = await self.give_due()
            total += given
            if given <= SOME_LEFT:
                break
        return total

    async def give_due(self) -> int:
        """Give up to BATCH_RECORDS reminders, as many of each tenant that has some, and count them."""
        now = self._clock.now()
        async with self._database.read_as_worker() as connection:
            tenant_ids = self._choose(await repository.list_due_tenants(connection, now))
        if not tenant_ids:
            return 0
        async with self._database.begin_as_worker() as transaction:
            each = BATCH_RECORDS // len(tenant_ids)
            due = await repository.take_due(transaction, tenant_ids, each=each, now=now)
            events = [(tenant_id, remind(activity, now=now)) for tenant_id, activity in due]
            await repository.note_reminded(transaction, due, now=now)
            wire = [MAPPING.to_wire([event], by=Actor(tenant_id))[0] for tenant_id, event in events]
            await publish(transaction, wire, audited=True)
        self._count([since_when(activity) for _, activity in due])
        return len(due)

    def _count(self, due_since: Sequence[datetime]) -> None:
        given_at = self._clock.now()
        for since in due_since:
            DELAY_S.observe(passed_s(since, given_at))
        GIVEN.inc(len(due_since))

    def _choose(self, tenant_ids: list[UUID]) -> list[UUID]:
        """Return the tenants whose turn it is: all, or the next ones after those of the last round."""
        if len(tenant_ids) <= BATCH_RECORDS:
            return tenant_ids
        later = [tenant_id for tenant_id in tenant_ids if tenant_id > self._last_tenant_id]
        chosen = [*later, *tenant_ids][:BATCH_RECORDS]
        self._last_tenant_id = chosen[-1]
        return chosen

    async def _find_pause_s(self) -> float:
        async with self._database.read_as_worker() as connection:
            next_at = await repository.find_next(connection)
        if next_at is None:
            return POLL_S
        return min(max((next_at - self._clock.now()).total_seconds(), BUSY_S), POLL_S)


@asynccontextmanager
async def reminding(database: Database, clock: Clock, backpressure: Backpressure) -> AsyncIterator[None]:
    """Yield reminders as long as the block runs. `database` is the worker role's."""
    async with background(repeat("reminders", Reminders(database, clock, backpressure).run_round, pause_s=POLL_S)):
        yield
