"""What operators see of the pools, of the server's clock and of its slots."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from crm_shared.clock import new_id
from crm_shared.cluster_watch import CLOCK_OFFSET_S, look
from crm_shared.database import Database
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines


def read(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_pool_tells_how_full_it_is_and_how_long_was_waited(app_database: Database) -> None:
    login = app_database.login
    tenant = new_id()

    def count(state: str) -> float:
        return read("crm_database_connections", login=login, state=state)

    before = read("crm_database_acquire_seconds_count", login=login)
    at_rest, most = count("in_use"), read("crm_database_connections_max", login=login)
    assert most >= 3
    held = [await app_database.lend(tenant) for _ in range(3)]
    assert count("in_use") == at_rest + 3
    fourth = asyncio.create_task(app_database.lend(tenant))

    async def is_waiting() -> bool:
        return bool(app_database._pool._queue._getters)  # noqa: SLF001 - whether somebody waits shows nowhere else

    await wait_until(is_waiting)
    await app_database.take_back(held.pop())
    held.append(await fourth)
    for connection in held:
        await app_database.take_back(connection)
    assert read("crm_database_acquire_seconds_count", login=login) == before + 1
    assert count("in_use") == at_rest


async def test_the_servers_clock_and_slots_are_seen(app_database: Database, postgres_admin_dsn: str) -> None:
    admin = await Database.open(postgres_admin_dsn, max_size=1)
    slot = f"watched_{new_id().hex[:12]}"
    try:
        async with admin.read_as_worker() as connection:
            await connection.execute("SELECT pg_create_physical_replication_slot($1, true)", slot)
        await look(app_database)
        assert abs(CLOCK_OFFSET_S._value.get()) < 60  # noqa: SLF001 - both clocks are this machine's
        retained = REGISTRY.get_sample_value("crm_postgres_slot_retained_bytes", {"slot": slot})
        assert retained is not None
        assert retained >= 0
    finally:
        async with admin.read_as_worker() as connection:
            await connection.execute("SELECT pg_drop_replication_slot($1)", slot)
        await admin.close()
    await look(app_database)
    assert REGISTRY.get_sample_value("crm_postgres_slot_retained_bytes", {"slot": slot}) is None
