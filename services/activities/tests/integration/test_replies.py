"""No chain of answers closes on itself, whoever writes at the same time."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_activities.activities.domain import MOST_ANSWERED
from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


@pytest.fixture
def rep(service: Kit, tenant: SeededTenant) -> httpx.AsyncClient:
    return service.client(tenant.rep)


async def log(client: httpx.AsyncClient, **fields: Any) -> str:
    body = {"type": "EMAIL", "direction": "INBOUND", **fields}
    return str(require_ok(await client.post("/v1/activities", json=body), 201)["id"])


async def answer(client: httpx.AsyncClient, activity_id: str, to: str | None) -> httpx.Response:
    return await client.patch(f"/v1/activities/{activity_id}", json={"in_reply_to": to})


@pytest.mark.parametrize("length", [1, 2, 3, 7])
async def test_an_activity_never_answers_itself_at_any_distance(rep: httpx.AsyncClient, length: int) -> None:
    first = last = await log(rep)
    for _ in range(length - 1):
        last = await log(rep, in_reply_to=last)
    require_problem(await answer(rep, first, last), 422, "invalid-field", "/in_reply_to")
    assert require_ok(await rep.get(f"/v1/activities/{first}"))["in_reply_to"] is None
    require_ok(await answer(rep, last, None))
    if length > 1:
        require_ok(await answer(rep, first, last))


async def test_a_deleted_message_stays_a_link(rep: httpx.AsyncClient) -> None:
    first = await log(rep)
    middle = await log(rep, in_reply_to=first)
    last = await log(rep, in_reply_to=middle)
    assert (await rep.delete(f"/v1/activities/{middle}")).status_code == 204
    require_problem(await answer(rep, first, last), 422, "invalid-field", "/in_reply_to")


async def test_two_at_once_close_no_circle(rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant) -> None:
    admin = service.client(tenant.admin)
    for _ in range(10):
        ring = [await log(rep) for _ in range(3)]
        answers = await asyncio.gather(
            *(answer(client, ring[n], ring[(n + 1) % 3]) for n, client in enumerate((rep, admin, rep)))
        )
        assert sorted(each.status_code for each in answers) == [200, 200, 422]


FILL = """
    INSERT INTO activities (tenant_id, id, version, type, user_id, occurred_at, system, in_reply_to, created_at,
                            updated_at)
    SELECT $1, ids[n], 1, 'EMAIL', $2, now(), false, ids[n - 1], now(), now()
      FROM (SELECT $3::uuid[] AS ids) AS chain, generate_series(1, cardinality($3::uuid[])) AS n
     ORDER BY n
"""


async def test_a_chain_is_followed_so_far_and_no_further(
    rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant
) -> None:
    chain = [uuid4() for _ in range(MOST_ANSWERED)]
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, tenant.rep.id, chain)
    one = await log(rep)
    require_ok(await answer(rep, one, str(chain[-2])))
    problem = require_problem(await answer(rep, one, str(chain[-1])), 422, "invalid-field", "/in_reply_to")
    assert str(MOST_ANSWERED) in problem["detail"]


async def test_a_circle_that_is_there_already_ends_the_walk(
    rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant
) -> None:
    one, other, outside = [await log(rep) for _ in range(3)]
    async with service.database.begin_as_worker() as transaction:
        await transaction.executemany(
            "UPDATE activities SET in_reply_to = $3 WHERE tenant_id = $1 AND id = $2",
            [(tenant.id, one, other), (tenant.id, other, one)],
        )
    require_problem(await answer(rep, outside, one), 422, "invalid-field", "/in_reply_to")
    require_ok(await answer(rep, one, None))
    require_ok(await answer(rep, outside, other))
