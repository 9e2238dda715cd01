"""PostgreSQL, Kafka or Elasticsearch away for a minute: nothing lost, nothing dead-lettered, no restart needed."""

import os

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = [pytest.mark.engines, pytest.mark.faults]

AWAY_S = float(os.environ.get("CRM_TEST_OUTAGE_S", "60"))
BRIEFLY_S = 10.0
ENGINES = {"postgres", "kafka", "elasticsearch"}


def _services(pids: dict[str, int]) -> dict[str, int]:
    return {name: pid for name, pid in pids.items() if name not in ENGINES}


async def test_all_three_away_for_a_minute(crm: RunningCrm, tenant: Tenant) -> None:
    admin, stages = tenant.admin, await tenant.admin.stages()
    await crm.drain()
    before = _services(crm.pids())

    async with crm.away("kafka", "elasticsearch", at_least_s=AWAY_S):
        # PostgreSQL is the only thing a command needs: writes go on.
        deal = await admin.post("deals", "/v1/deals", {"name": "Stormy petrel", "amount": "42.00"})
        for name in ("Discovery", "Closed Won"):
            await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages[name]})
        await _require_unavailable(admin, "search", "GET", "/v1/search?q=petrel")
        # And now nothing is left to stand on, with events waiting in the outbox.
        crm.kill("postgres")
        await _require_unavailable(admin, "deals", "POST", "/v1/deals", {"name": "Refused, not lost"})

    await crm.drain()
    assert _services(crm.pids()) == before  # nobody was restarted, nobody gave up
    assert await admin.timeline(deal["id"]) == [
        "Deal moved from Discovery to Closed Won",
        "Deal moved from Qualification to Discovery",
    ]
    assert await admin.report() == {"Closed Won": (1, "42.00")} == await admin.board()
    await eventually(lambda: admin.search("petrel", type="deal"), [deal["id"]])


async def test_postgresql_away_while_events_are_on_their_way(crm: RunningCrm, tenant: Tenant) -> None:
    admin, stages = tenant.admin, await tenant.admin.stages()
    deal = await admin.post("deals", "/v1/deals", {"name": "Calm before", "amount": "7.00"})
    for name in ("Discovery", "Proposal", "Closed Won"):
        await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages[name]})
    before = _services(crm.pids())

    async with crm.away("postgres", at_least_s=BRIEFLY_S):
        await _require_unavailable(admin, "deals", "POST", "/v1/deals", {"name": "Refused, not lost"})

    await crm.drain()
    assert _services(crm.pids()) == before
    assert len(await admin.timeline(deal["id"])) == 3
    assert await admin.report() == {"Closed Won": (1, "7.00")} == await admin.board()


async def _require_unavailable(user: User, service: str, method: str, path: str, body: Json | None = None) -> None:
    """Hold that a store's absence is told as such: 503 with Retry-After, not ready, and yet live."""

    async def readiness() -> int:
        return (await user.call(service, "GET", "/readyz")).status_code

    await eventually(readiness, 503)  # a killed server's sessions outlive it by a moment, and would take a write
    answer = await user.call(service, method, path, json=body)
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert await readiness() == 503
    assert (await user.call(service, "GET", "/livez")).status_code == 200
