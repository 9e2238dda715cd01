"""A rebuild from its beginning to the swap. A step is one transaction: a process that dies leaves whole ones behind."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_reporting.exclusive_turns import Turn
from crm_reporting.rebuild.copies import (
    CopyDatabase,
    CopyOutdated,
    RebuildRefused,
    RefusedRecord,
    Run,
    begin_run,
    drop_copy,
    find_run,
    list_refused,
    read_layout,
)
from crm_reporting.rebuild.filling import Filling, Handlers
from crm_reporting.rebuild.swapping import (
    TableChange,
    analyze_copy,
    analyze_suspects,
    find_suspects,
    holding_writers,
    replace_rows,
)
from crm_shared.bus.clients import make_consumer
from crm_shared.database import Database
from crm_shared.kafka_access import Kafka

STATEMENT_TIMEOUT_S: Final = 4 * 60 * 60.0
"""For a statement over a whole table of all tenants."""

CATCH_UP_S: Final = 60.0
"""How long the workers wait for what came last. It was read up to a moment before, so a longer time means an outage."""

TURN_TRIES: Final = 10
TURN_PAUSE_S: Final = 0.3
"""The session of a process that was killed a moment ago ends soon."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What is asked for. `dsn` is the worker role's; without `tenant_id` all tenants' rows are made again.

    `accepts_losses`: swap even where the topics tell less than the live tables know, or hold what can't be read.
    """

    dsn: str
    kafka: Kafka
    handlers: Handlers
    tenant_id: UUID | None = None
    accepts_losses: bool = False
    say_every_s: float = 2.0


class IncompleteCopy(Exception):
    """The copy knows less than the live tables, which stay as they are."""

    def __init__(self, changes: Sequence[TableChange], refused: Sequence[RefusedRecord]) -> None:
        super().__init__("the topics do not tell all that the live tables know")
        self.changes = changes
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Swapped:
    """What the swap changed, what the copy is without, and how much was copied since this process began."""

    changes: Sequence[TableChange]
    refused: Sequence[RefusedRecord]
    deal_count: int
    record_count: int
    filled_in_s: float
    writers_waited_s: float


async def rebuild(order: Rebuild, say: Say) -> Swapped:
    """Make the copy, or go on with it, and swap. Raises RebuildRefused, IncompleteCopy, and as both stores do."""
    async with _alone(order.dsn), _opened(order.dsn) as live:
        while True:
            run = await _find_or_begin(live, order.tenant_id, say)
            try:
                async with CopyDatabase.filling(order.dsn, run, statement_timeout_s=STATEMENT_TIMEOUT_S) as copy:
                    return await _fill_and_swap(order, live, copy, run, say)
            except CopyOutdated as outdated:
                say(f"{outdated}: the copy begins anew")
                async with live.begin_as_worker() as transaction:
                    await drop_copy(transaction)


async def abandon(dsn: str) -> bool:
    """Forget a copy that is half made. Returns whether there was one. Raises RebuildRefused while one is being made."""
    async with _alone(dsn), _opened(dsn) as live, live.begin_as_worker() as transaction:
        return await drop_copy(transaction)


@asynccontextmanager
async def _alone(dsn: str) -> AsyncIterator[None]:
    async with Turn(dsn, "rebuild") as turn:
        for _ in range(TURN_TRIES):
            if await turn.take() is not None:
                break
            await asyncio.sleep(TURN_PAUSE_S)
        else:
            raise RebuildRefused("another rebuild of this database is running; stop it, or let it end")
        yield


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[Database]:
    async with Database.opened(dsn, max_size=2, statement_timeout_s=STATEMENT_TIMEOUT_S) as live:
        yield live


async def _find_or_begin(live: Database, tenant_id: UUID | None, say: Say) -> Run:
    async with live.begin_as_worker() as transaction:
        run = await find_run(transaction)
        if run is not None and run.tenant_id != tenant_id:
            whose = "of all tenants" if run.tenant_id is None else f"of tenant {run.tenant_id}"
            raise RebuildRefused(f"a copy {whose} is half made: end it as it was begun, or forget it with --abandon")
        if run is not None and run.layout == await read_layout(transaction):
            say("going on with the copy that is half made")
            return run
        if run is not None:
            say("the tables or the release are not those that the copy was begun with: it begins anew")
        run = await begin_run(transaction, tenant_id)
    say("an empty copy is made")
    return run


async def _fill_and_swap(order: Rebuild, live: Database, copy: CopyDatabase, run: Run, say: Say) -> Swapped:
    consumer = make_consumer(order.kafka, enable_auto_commit=False, auto_offset_reset="none")
    filling = Filling(copy, order.kafka, consumer, order.handlers, order.tenant_id, say, order.say_every_s)
    try:
        await consumer.start()
        began_s = time.monotonic()
        await filling.fill(await filling.find_ends())
        filled_s = time.monotonic()
        async with copy.read_as_worker() as connection:
            deal_count: int = await connection.fetchval("SELECT count(*) FROM rebuild.deal_facts")
            await analyze_copy(connection)
        say(f"the copy is filled: {deal_count:,} deals; what came meanwhile follows")
        await filling.fill(await filling.find_ends())
        filling.notes_records = True
        say(f"{await find_suspects(live, order.tenant_id):,} records may differ")
        await filling.fill(await filling.find_ends())
        async with copy.read_as_worker() as connection:
            await analyze_suspects(connection)
        async with holding_writers(live, say) as transaction:
            held_s = time.monotonic()
            say("the workers wait, reports go on")
            # Whatever a worker has written it read before it waited, so it is before these ends.
            async with asyncio.timeout(CATCH_UP_S):
                await filling.fill(await filling.find_ends())
            if run.layout != await read_layout(transaction):
                raise CopyOutdated("a migration ran meanwhile")
            changes = await replace_rows(transaction, order.tenant_id)
            refused = await list_refused(transaction)
            if not order.accepts_losses and (refused or any(change.lost for change in changes)):
                raise IncompleteCopy(changes, refused)
            await drop_copy(transaction)
            say("compared and replaced")
        ended_s = time.monotonic()
        say("swapped; the workers go on")
    finally:
        await consumer.stop()
    return Swapped(changes, refused, deal_count, filling.record_count, filled_s - began_s, ended_s - held_s)
