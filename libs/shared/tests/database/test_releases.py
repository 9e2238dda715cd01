"""A connection that was lent comes back as another may have it: whatever it was doing, and whoever was cancelled."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from crm_shared.database import Database
from crm_shared.database.releases import release

pytestmark = pytest.mark.engines


async def keep_session(_connection: asyncpg.Connection) -> None:
    """As the services' pools: nothing is asked of the server when a connection comes back."""


@pytest.fixture
async def pool(postgres_admin_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(postgres_admin_dsn, min_size=0, max_size=1, reset=keep_session) as opened:
        yield opened


def in_use(pool: asyncpg.Pool) -> int:
    return int(pool.get_size() - pool.get_idle_size())


async def test_it_comes_back_without_giving_others_a_turn(pool: asyncpg.Pool) -> None:
    """Not even a cancellation comes between."""
    lent = await pool.acquire()
    assert await lent.fetchval("SELECT 1") == 1
    with pytest.raises(StopIteration):
        release(pool, lent).send(None)
    assert in_use(pool) == 0
    with pytest.raises(asyncpg.InterfaceError):
        await lent.fetchval("SELECT 1")
    await release(pool, lent)  # once more is nothing
    async with pool.acquire() as again:
        assert await again.fetchval("SELECT 1") == 1


async def test_an_open_transaction_is_rolled_back_before_another_has_the_connection(pool: asyncpg.Pool) -> None:
    lent = await pool.acquire()
    server = lent.get_server_pid()
    await lent.execute("BEGIN; CREATE TEMPORARY TABLE half_done (id integer)")
    await release(pool, lent)
    async with pool.acquire() as again:
        assert again.get_server_pid() == server
        assert not again.is_in_transaction()
        assert await again.fetchval("SELECT to_regclass('half_done')") is None


async def test_a_statement_that_is_being_cancelled_is_waited_for(pool: asyncpg.Pool) -> None:
    lent = await pool.acquire()
    asking = asyncio.create_task(lent.fetchval("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await release(pool, lent)
    async with pool.acquire() as again:
        assert await again.fetchval("SELECT 1") == 1


async def test_a_lost_connection_leaves_its_place_to_another(pool: asyncpg.Pool) -> None:
    lent = await pool.acquire()
    lent.terminate()
    await release(pool, lent)
    async with pool.acquire() as again:
        assert await again.fetchval("SELECT 1") == 1


async def test_whoever_is_cancelled_has_given_it_back(app_database: Database) -> None:
    reading = asyncio.Event()

    async def read() -> None:
        async with app_database.read_as_worker():
            reading.set()
            await asyncio.Event().wait()

    for _ in range(3):
        reading.clear()
        reader = asyncio.create_task(read())
        await reading.wait()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        assert app_database.count_connections()[0] == 0
