"""One database with an outbox for these tests, empty at the start of each, and its topic."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from crm_shared.bus.topics import create_topics
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_testing.outboxes import OutboxDatabase
from crm_testing.waiting import wait_until


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep these tests in one process: they count what comes to one topic, `crm.deal` of the shared broker."""
    item.add_marker(pytest.mark.xdist_group("outbox"))


@pytest.fixture(scope="session")
async def created_database(postgres_admin_dsn: str) -> OutboxDatabase:
    database = OutboxDatabase(postgres_admin_dsn, "outboxtest")
    await database.create()
    return database


@pytest.fixture
async def database(created_database: OutboxDatabase) -> OutboxDatabase:
    admin = await created_database.connect_as_admin()
    await admin.execute("TRUNCATE outbox")
    await admin.close()
    return created_database


@pytest.fixture(scope="session")
async def deal_topic(kafka_bootstrap: str) -> str:
    await create_topics(kafka_bootstrap, "deals", groups={}, partitions=3, replication=1)
    return "crm.deal"


@pytest.fixture
def settings(database: OutboxDatabase, kafka_bootstrap: str, deal_topic: str) -> RelaySettings:
    assert deal_topic
    return RelaySettings(dsn=database.dsn("worker"), kafka=kafka_bootstrap, service="outboxtest")


@pytest.fixture
def relaying(settings: RelaySettings) -> Callable[[], AbstractAsyncContextManager[Relay]]:
    @asynccontextmanager
    async def run() -> AsyncIterator[Relay]:
        relay = Relay(settings)
        task = asyncio.create_task(relay.run())
        yield relay
        relay.stop()
        await task

    return run


@pytest.fixture
def wait_until_empty(database: OutboxDatabase) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        connection: asyncpg.Connection = await database.connect()
        await wait_until(lambda: is_empty(connection))
        await connection.close()

    async def is_empty(connection: asyncpg.Connection) -> bool:
        return bool(await connection.fetchval("SELECT count(*) = 0 FROM outbox"))

    return wait
