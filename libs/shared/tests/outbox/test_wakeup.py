"""An idle relay sleeps, and no row waits for it: here it would sleep for ever if nobody woke it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import asyncpg
import pytest

from crm_shared.outbox import leader_session
from crm_shared.outbox.leader_election import LOCK_KEY
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.wakeup import SLEEP_KEY
from crm_shared.publishing import publish
from crm_testing.outboxes import OutboxDatabase, make_deal_event
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Relaying = Callable[[], AbstractAsyncContextManager[Relay]]
Wait = Callable[[], Awaitable[None]]

HOLDERS = """
    SELECT pid FROM pg_locks
     WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND granted AND ((classid::bigint << 32) | objid::bigint) = $1
"""


@pytest.fixture(autouse=True)
def _for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_session, "SLEEP_S", 3600.0)


async def wait_until_asleep(connection: asyncpg.Connection) -> None:
    async def is_asleep() -> bool:
        return bool(await connection.fetch(HOLDERS, SLEEP_KEY))

    await wait_until(is_asleep)


async def test_a_commit_wakes_the_relay(database: OutboxDatabase, relaying: Relaying, wait_until_empty: Wait) -> None:
    connection = await database.connect()
    async with relaying():
        for _ in range(3):
            await wait_until_asleep(connection)
            async with connection.transaction():
                await publish(connection, [make_deal_event() for _ in range(5)], audited=False)
            await wait_until_empty()
    await connection.close()


async def test_it_does_not_fall_asleep_before_a_transaction_that_has_written(
    database: OutboxDatabase, relaying: Relaying, wait_until_empty: Wait
) -> None:
    writer, other = await database.connect(), await database.connect()
    async with writer.transaction():
        await publish(writer, [make_deal_event()], audited=False)
        async with relaying() as relay:

            async def leads() -> bool:
                return relay.is_leader

            await wait_until(leads)
            await asyncio.sleep(0.2)  # by far longer than it takes to fall asleep
            assert await other.fetch(HOLDERS, SLEEP_KEY) == await writer.fetch("SELECT pg_backend_pid() AS pid")
    async with relaying():
        await wait_until_empty()
    await writer.close()
    await other.close()


async def test_no_row_is_missed_whenever_it_comes(
    database: OutboxDatabase, relaying: Relaying, wait_until_empty: Wait
) -> None:
    """Pauses are about as long as it takes to fall asleep, so that rows come at every step of it."""
    writers = [await database.connect() for _ in range(3)]
    pauses = random.Random(7)  # noqa: S311 - a test's draw

    async def write(connection: asyncpg.Connection) -> None:
        for _ in range(15):
            await asyncio.sleep(pauses.uniform(0, 0.15))
            async with connection.transaction():
                await publish(connection, [make_deal_event()], audited=False)
                await asyncio.sleep(pauses.choice((0, 0, 0.02)))

    async with relaying():
        await asyncio.gather(*map(write, writers))
        await wait_until_empty()
    for connection in writers:
        await connection.close()


async def test_a_session_that_ends_wakes_it(
    database: OutboxDatabase, relaying: Relaying, wait_until_empty: Wait
) -> None:
    admin = await database.connect_as_admin()
    async with relaying():
        await wait_until_asleep(admin)
        [leader] = await admin.fetch(HOLDERS, LOCK_KEY)
        await admin.execute("SELECT pg_terminate_backend($1)", leader["pid"])
        await publish(admin, [make_deal_event()], audited=False)
        await wait_until_empty()
    await admin.close()
