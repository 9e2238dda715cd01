"""What is deleted beside Debezium: what the slot's reader has confirmed, so many rows at a time."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import psycopg
import pytest

from crm_shared.outbox.cleaner import DELETE, LOOK_EVERY_S, Cleaner, slot_name
from crm_shared.outbox.settings import RelaySettings
from crm_shared.publishing import publish
from crm_testing.outboxes import OutboxDatabase, make_deal_event
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

SLOT: Final = slot_name("outboxtest")
FIND_SLOT: Final = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1"
# Moves the log on, as the connector's does, and says how far.
HEARTBEAT: Final = "SELECT (pg_logical_emit_message(false, 'heartbeat', '') - '0/0')::bigint"
# What the cleaner asked last.
FIND_QUESTION: Final = """
    SELECT query FROM pg_stat_activity WHERE application_name = 'crm-relay' AND datname = current_database()
"""


class Connector:
    """Reads the slot as Debezium does, and confirms what it is told to. What comes is of no interest."""

    def __init__(self, database: OutboxDatabase) -> None:
        dsn = f"{database.admin_dsn.rpartition('/')[0]}/crm_{database.service}"
        self._connection = psycopg.connect(dsn, autocommit=True, replication="database")

    def close(self) -> None:
        self._connection.close()

    def make_slot(self) -> None:
        self._run(f"CREATE_REPLICATION_SLOT {SLOT} LOGICAL pgoutput (SNAPSHOT 'nothing')")

    def stream(self) -> None:
        self._run(f"START_REPLICATION SLOT {SLOT} LOGICAL 0/0 (proto_version '1', publication_names 'crm_outbox')")

    def confirm(self, place: int) -> None:
        self._connection.pgconn.put_copy_data(struct.pack("!cqqqqb", b"r", place, place, place, 0, 0))
        self._connection.pgconn.flush()

    def _run(self, command: str) -> None:
        found = self._connection.pgconn.exec_(command.encode())
        good = psycopg.pq.ExecStatus.TUPLES_OK, psycopg.pq.ExecStatus.COPY_BOTH
        assert found.status in good, found.error_message


@pytest.fixture
async def admin(database: OutboxDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Connect as whoever prepares Debezium; the slot is gone at the end."""
    admin = await database.connect_as_admin()
    await admin.execute("CREATE PUBLICATION crm_outbox FOR TABLE outbox WITH (publish = 'insert')")

    async def is_idle() -> bool:
        return await admin.fetchval(FIND_SLOT, SLOT) is None

    yield admin
    await wait_until(is_idle)
    await admin.fetch("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", SLOT)
    await admin.execute("DROP PUBLICATION crm_outbox")
    await admin.close()


@asynccontextmanager
async def cleaning(settings: RelaySettings) -> AsyncIterator[Cleaner]:
    cleaner = Cleaner(settings)
    task = asyncio.create_task(cleaner.run())
    try:
        yield cleaner
    finally:
        cleaner.stop()
        await task


async def fill(database: OutboxDatabase, count: int) -> None:
    worker = await database.connect()
    await publish(worker, [make_deal_event() for _ in range(count)], audited=False)
    await worker.close()


async def count_rows(admin: asyncpg.Connection) -> int:
    return int(await admin.fetchval("SELECT count(*) FROM outbox"))


async def test_where_a_slot_begins_confirms_nothing(
    database: OutboxDatabase, settings: RelaySettings, admin: asyncpg.Connection
) -> None:
    """What was there before goes by a snapshot, which the same process' connection waits for."""
    await fill(database, 3)
    writer = await database.connect()
    connector = await asyncio.to_thread(Connector, database)

    async def asks(*words: str) -> bool:
        question = await admin.fetchval(FIND_QUESTION) or ""
        return any(word in question for word in words)

    async def is_being_made() -> bool:
        return await admin.fetchval(FIND_SLOT, SLOT) is not None

    async def is_made() -> bool:
        await admin.execute("SELECT pg_log_standby_snapshot()")  # which comes every 15 s else
        return made.done()

    async def is_empty() -> bool:
        connector.confirm(await admin.fetchval(HEARTBEAT))
        return await count_rows(admin) == 0

    try:
        await writer.execute("BEGIN; SELECT pg_current_xact_id()")  # which the slot has to wait for
        made = asyncio.create_task(asyncio.to_thread(connector.make_slot))
        await wait_until(is_being_made)
        async with cleaning(settings) as cleaner:
            await wait_until(lambda: asks("is_confirmed", "ended_before"))
            await writer.execute("COMMIT")
            await wait_until(is_made)
            await made
            await asyncio.to_thread(connector.stream)
            await wait_until(lambda: asks("is_confirmed"))
            await asyncio.sleep(3 * LOOK_EVERY_S)
            assert await count_rows(admin) == 3
            await wait_until(is_empty)
            await cleaner.check_ready()
    finally:
        connector.close()
        await writer.close()


async def test_without_its_publication_nothing_is_deleted(
    database: OutboxDatabase, settings: RelaySettings, admin: asyncpg.Connection
) -> None:
    """PostgreSQL 18 then decodes nothing, says so in its log alone, and takes every confirmation."""
    connector = await asyncio.to_thread(Connector, database)

    async def says_so() -> bool:
        connector.confirm(await admin.fetchval(HEARTBEAT))
        try:
            await cleaner.check_ready()
        except ConnectionError as error:
            return "publication" in str(error)
        return False

    try:
        await asyncio.to_thread(connector.make_slot)
        await asyncio.to_thread(connector.stream)
        await admin.execute("DROP PUBLICATION crm_outbox")
        await fill(database, 3)
        async with cleaning(settings) as cleaner:
            await wait_until(says_so, timeout_s=20)
            assert await count_rows(admin) == 3
    finally:
        connector.close()
        await admin.execute("CREATE PUBLICATION crm_outbox FOR TABLE outbox WITH (publish = 'insert')")


async def test_a_statement_deletes_so_many_rows_at_most(database: OutboxDatabase, admin: asyncpg.Connection) -> None:
    """A connector that was away for a day confirms a day's rows at once: a statement over all would not end in time."""
    await fill(database, 5)
    await fill(database, 5)
    mark = await admin.fetchval("SELECT pg_current_xact_id()::text")
    await fill(database, 5)
    answers = [await admin.fetch(DELETE, mark, 4) for _ in range(4)]
    assert [sum(row["row_count"] for row in rows) for rows in answers] == [4, 4, 2, 0]
    assert await count_rows(admin) == 5
