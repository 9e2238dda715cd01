"""No statement runs under another tenant's name, however many share a connection and however they end."""

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from crm_shared.clock import new_id
from crm_shared.database import Database

pytestmark = pytest.mark.engines

INSERT = "INSERT INTO things (tenant_id, id, name, notes) VALUES ($1, $2, $3, '{}')"
COUNT = "SELECT tenant_id, count(*) AS count FROM things GROUP BY tenant_id"
HELD = "SELECT current_setting('crm.tenant_id', true)"


@pytest.fixture
async def tenants(app_database: Database) -> AsyncIterator[dict[UUID, int]]:
    """Two tenants and how many things each has."""
    counts = {new_id(): 3, new_id(): 5}
    for tenant_id, count in counts.items():
        async with app_database.begin(tenant_id) as transaction:
            for n in range(count):
                await transaction.execute(INSERT, tenant_id, new_id(), f"thing {n}")
    yield counts
    for tenant_id in counts:
        async with app_database.begin(tenant_id) as transaction:
            await transaction.execute("DELETE FROM things")


@pytest.mark.parametrize("is_behind_pooler", [False, True])
async def test_many_readers_of_two_tenants_each_see_their_own(
    app_database: Database, pooled_database: Database, tenants: dict[UUID, int], *, is_behind_pooler: bool
) -> None:
    database = pooled_database if is_behind_pooler else app_database
    chance = random.Random(7)  # noqa: S311 - the same mix each run

    async def read(tenant_id: UUID) -> None:
        way = chance.randrange(5)
        if way == 0:
            async with database.read(tenant_id) as connection:
                assert dict(await connection.fetch(COUNT)) == {tenant_id: tenants[tenant_id]}
        elif way == 1:
            async with database.snapshot(tenant_id) as connection:
                assert dict(await connection.fetch(COUNT)) == {tenant_id: tenants[tenant_id]}
        elif way == 2:
            async with database.begin(tenant_id) as transaction:
                assert dict(await transaction.fetch(COUNT)) == {tenant_id: tenants[tenant_id]}
        elif way == 3:
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with database.read(tenant_id) as connection:
                    await connection.fetch("SELECT 1/0")
        else:
            task = asyncio.create_task(_sleep_as(database, tenant_id))
            await asyncio.sleep(chance.random() * 0.02)
            task.cancel()
            await asyncio.wait([task])

    order = [tenant_id for tenant_id in tenants for _ in range(60)]
    chance.shuffle(order)
    await asyncio.gather(*(read(tenant_id) for tenant_id in order))


async def _sleep_as(database: Database, tenant_id: UUID) -> None:
    async with database.read(tenant_id) as connection:
        await connection.fetch("SELECT pg_sleep(0.05)")


async def test_without_a_tenant_there_is_nothing(app_database: Database, tenants: dict[UUID, int]) -> None:
    assert tenants
    async with app_database.read_as_worker() as connection:
        await connection.execute("SET crm.tenant_id = ''")
        assert await connection.fetch(COUNT) == []


async def test_the_tenant_is_set_once_and_kept(app_database: Database, tenants: dict[UUID, int]) -> None:
    tenant_id = next(iter(tenants))
    backends = set()
    for _ in range(3):
        async with app_database.read(tenant_id) as connection:
            assert await connection.fetchval(HELD) == str(tenant_id)
            backends.add(await connection.fetchval("SELECT pg_backend_pid()"))
    assert len(backends) == 1


async def test_a_transactions_tenant_ends_with_it(app_database: Database, tenants: dict[UUID, int]) -> None:
    one, other = tenants
    async with app_database.read(one) as connection:
        assert await connection.fetchval(HELD) == str(one)
    async with app_database.begin(other) as transaction:
        assert await transaction.fetchval(HELD) == str(other)
    async with app_database.read(one) as connection:  # believed to be set already: so it must be
        assert await connection.fetchval(HELD) == str(one)


async def test_behind_a_pooler_nothing_stays_on_the_session(
    pooled_database: Database, tenants: dict[UUID, int]
) -> None:
    tenant_id = next(iter(tenants))
    async with pooled_database.read(tenant_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM things") == tenants[tenant_id]
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with pooled_database.read(tenant_id) as connection:
            await connection.fetchval("SELECT 1/0")
    for _ in range(3):
        async with pooled_database.read_as_worker() as connection:
            assert await connection.fetchval(HELD) in {None, ""}
            assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
            assert await connection.fetchval("SELECT count(*) FROM things") == 0


async def test_a_row_of_another_tenant_cannot_be_written(app_database: Database, tenants: dict[UUID, int]) -> None:
    one, other = tenants
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with app_database.begin(one) as transaction:
            await transaction.execute(INSERT, other, new_id(), "smuggled")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with app_database.begin(one) as transaction:
            await transaction.execute("UPDATE things SET tenant_id = $1", other)
