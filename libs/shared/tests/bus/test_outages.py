"""Engines killed under a relay and a consumer at work: all catches up by itself, nothing is lost or set aside."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest

from crm_local.engines.native import NativeEngines, native_engines
from crm_shared.bus import Subscription
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.topics import create_topics
from crm_shared.bus.worker import Worker
from crm_shared.contracts import Event
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.publishing import publish
from crm_testing.drain import Bus, drain
from crm_testing.outboxes import OutboxDatabase, make_deal_event

pytestmark = [
    pytest.mark.engines,
    pytest.mark.faults,
    # aiokafka drops connections whose broker was killed without closing them.
    pytest.mark.filterwarnings("ignore:Exception ignored in.*StreamWriter:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]

GROUP_ID = "outagetest.copies"

CREATE_COPIES = """
    CREATE TABLE IF NOT EXISTS copies
        (deal_id uuid PRIMARY KEY, version bigint NOT NULL, gaps bigint NOT NULL DEFAULT 0)
"""
# Counts what must never be: a version that arrives before the one below it.
COPY = """
    INSERT INTO copies (deal_id, version) VALUES ($1, $2)
    ON CONFLICT (deal_id) DO UPDATE
       SET version = greatest(copies.version, excluded.version),
           gaps = copies.gaps + (excluded.version > copies.version + 1)::int
"""


@dataclass
class Flow:
    """Commands, relay, Kafka, consumer and its table, all at work."""

    engines: NativeEngines
    database: OutboxDatabase
    written: dict[uuid.UUID, int] = field(default_factory=dict)
    is_writing: bool = True

    async def write(self, deal_id: uuid.UUID) -> None:
        """Append version after version, as a command would that is tried again until it succeeds."""
        connection: asyncpg.Connection | None = None
        while self.is_writing:
            try:
                connection = connection or await self.database.connect()
                await publish(
                    connection, [make_deal_event(deal_id, version=self.written.get(deal_id, 0) + 1)], audited=False
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                if connection is not None:
                    connection.terminate()
                connection = None
                await asyncio.sleep(0.05)
            else:
                self.written[deal_id] = self.written.get(deal_id, 0) + 1
                await asyncio.sleep(0.005)
        if connection is not None:
            await connection.close()

    async def copy(self, batch: list[Event]) -> None:
        connection = await self.database.connect()
        try:
            await connection.executemany(COPY, [(event.aggregate_id, event.version) for event in batch])
        finally:
            await connection.close()

    async def read_copies(self) -> dict[uuid.UUID, tuple[int, int]]:
        connection = await self.database.connect()
        rows = await connection.fetch("SELECT deal_id, version, gaps FROM copies")
        await connection.close()
        return {row["deal_id"]: (row["version"], row["gaps"]) for row in rows}


@pytest.fixture(scope="module")
def outage_engines() -> Iterator[NativeEngines]:
    with native_engines("postgres", "kafka") as engines:
        yield engines


@pytest.fixture
def flowing(outage_engines: NativeEngines) -> Callable[[], AbstractAsyncContextManager[Flow]]:
    @asynccontextmanager
    async def run() -> AsyncIterator[Flow]:
        database = OutboxDatabase(outage_engines.postgres_admin_dsn, "outagetest")
        await database.create()
        admin = await database.connect_as_admin()
        await admin.execute(f"{CREATE_COPIES}; TRUNCATE copies; GRANT ALL ON copies TO outagetest_worker")
        await admin.close()
        bootstrap = outage_engines.kafka_bootstrap
        await create_topics(bootstrap, "deals", groups={GROUP_ID: ["crm.deal"]}, partitions=3, replication=1)
        flow = Flow(outage_engines, database)
        relay = Relay(RelaySettings(database.dsn("worker"), bootstrap, "outagetest"))
        worker = Worker(ConsumerSettings(bootstrap, "test"), [Subscription(("crm.deal",), GROUP_ID, flow.copy)])
        parts = [asyncio.create_task(relay.run()), asyncio.create_task(worker.run())]
        writers = [asyncio.create_task(flow.write(uuid.uuid4())) for _ in range(4)]
        await asyncio.sleep(1)
        yield flow
        flow.is_writing = False
        await asyncio.gather(*writers)
        bus = Bus(bootstrap, outboxes=[database.dsn("worker")], groups={GROUP_ID: ["crm.deal"]})
        await drain(bus)
        await relay.check_ready()
        await worker.check_ready()
        relay.stop()
        worker.stop()
        await asyncio.gather(*parts)
        # The topic also holds what other tests of this module have written.
        copies = {deal_id: copy for deal_id, copy in (await flow.read_copies()).items() if deal_id in flow.written}
        # A command whose answer got lost was tried again: the copy may then be a version ahead of what was counted.
        assert dict.fromkeys(flow.written, 0) == {deal_id: gaps for deal_id, (_, gaps) in copies.items()}
        assert {deal_id for deal_id, version in flow.written.items() if copies[deal_id][0] < version} == set()
        assert min(flow.written.values()) > 5

    return run


async def test_kafka_killed_and_back_after_five_seconds(
    flowing: Callable[[], AbstractAsyncContextManager[Flow]],
) -> None:
    async with flowing() as flow:
        await asyncio.to_thread(flow.engines.kafka.kill)
        await asyncio.sleep(5)
        await asyncio.to_thread(flow.engines.kafka.start)
        await asyncio.to_thread(flow.engines.kafka.wait_ready)
        await asyncio.sleep(2)


async def test_postgresql_killed_and_back_after_five_seconds(
    flowing: Callable[[], AbstractAsyncContextManager[Flow]],
) -> None:
    async with flowing() as flow:
        await asyncio.to_thread(flow.engines.postgres.kill)
        await asyncio.sleep(5)
        await asyncio.to_thread(flow.engines.postgres.start)
        await asyncio.to_thread(flow.engines.postgres.wait_ready)
        await asyncio.sleep(2)


async def test_kafka_restarted(flowing: Callable[[], AbstractAsyncContextManager[Flow]]) -> None:
    async with flowing() as flow:
        await asyncio.to_thread(flow.engines.kafka.stop)
        await asyncio.to_thread(flow.engines.kafka.start)
        await asyncio.to_thread(flow.engines.kafka.wait_ready)
        await asyncio.sleep(1)


async def test_a_relay_told_to_stop_while_kafka_is_away_leaves_its_rows_to_the_next(
    outage_engines: NativeEngines,
) -> None:
    database = OutboxDatabase(outage_engines.postgres_admin_dsn, "outagestop")
    await database.create()
    bootstrap = outage_engines.kafka_bootstrap
    await create_topics(bootstrap, "deals", groups={}, partitions=3, replication=1)
    settings = RelaySettings(database.dsn("worker"), bootstrap, "outagestop", drain_timeout_s=1)
    connection = await database.connect()
    relay = Relay(settings)
    relaying = asyncio.create_task(relay.run())
    await publish(connection, [make_deal_event()], audited=False)
    await drain(Bus(bootstrap, outboxes=[database.dsn("worker")]))

    await asyncio.to_thread(outage_engines.kafka.kill)
    await publish(connection, [make_deal_event() for _ in range(10)], audited=False)
    await asyncio.sleep(1)
    with pytest.raises(ConnectionError):
        await relay.check_ready()
    relay.stop()
    async with asyncio.timeout(60):  # it would wait for Kafka for ever
        await relaying
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 10
    await connection.close()

    await asyncio.to_thread(outage_engines.kafka.start)
    await asyncio.to_thread(outage_engines.kafka.wait_ready)
    relay = Relay(settings)
    relaying = asyncio.create_task(relay.run())
    await drain(Bus(bootstrap, outboxes=[database.dsn("worker")]))
    relay.stop()
    await relaying
