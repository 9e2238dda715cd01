"""Two writes that wait for each other: PostgreSQL ends one, and its caller never hears of it."""

import asyncio

import httpx
import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_testing.answers import require_ok
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("is_keyed", [False, True])
async def test_who_had_to_give_way_is_started_again(
    things: ServiceKit[ThingsSettings], rep: httpx.AsyncClient, *, is_keyed: bool
) -> None:
    ids = [require_ok(await rep.post("/v1/things", json={"name": name}), 201)["id"] for name in "ab"]

    answers = await asyncio.gather(
        *(
            rep.post(
                "/v1/things/rename",
                json={"ids": order, "name": name},
                headers={"Idempotency-Key": f"{name} {ids[0]}"} if is_keyed else {},
            )
            for name, order in (("forth", ids), ("back", ids[::-1]))
        )
    )

    assert [require_ok(answer)["name"] for answer in answers] == [f"forth {ids[0]}", f"back {ids[1]}"]
    async with things.database.read_as_worker() as connection:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        await connection.execute("SELECT pg_stat_force_next_flush()")
        assert await connection.fetchval(deadlocks) >= 1
