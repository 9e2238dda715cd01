"""PostgreSQL, Kafka or Elasticsearch away for a minute: nothing lost, nothing dead-lettered, no restart needed."""

import os

import pytest

from crm_local.testing.running import RunningCrm
from crm_local.testing.tenant import Tenant, eventually

pytestmark = [pytest.mark.engines, pytest.mark.faults, pytest.mark.timeout(600)]

AWAY_S = float(os.environ.get("CRM_TEST_OUTAGE_S", "60"))
ENGINES = {"postgres", "kafka", "elasticsearch"}


def _services(pids: dict[str, int]) -> dict[str, int]:
    return {name: pid for name, pid in pids.items() if name not in ENGINES}


async def test_kafka_and_elasticsearch_away(crm: RunningCrm, tenant: Tenant) -> None:
    admin, stages = tenant.admin, await tenant.admin.stages()
    await crm.drain()
    before = _services(crm.pids())

    async with crm.away("kafka", "elasticsearch", at_least_s=AWAY_S):
        # PostgreSQL is the only thing a command needs: writes go on.
        deal = await admin.post("deals", "/v1/deals", {"name": "Stormy petrel", "amount": "42.00"})
        await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Closed Won"]})
        answer = await admin.call("search", "GET", "/v1/search", params={"q": "petrel"})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert (await admin.call("search", "GET", "/readyz")).status_code == 503
        assert (await admin.call("search", "GET", "/livez")).status_code == 200

    await crm.drain(timeout_s=120)
    assert _services(crm.pids()) == before
    assert await admin.timeline(deal["id"]) == ["Deal moved from Qualification to Closed Won"]
    assert await admin.report() == {"Closed Won": (1, "42.00")}
    await eventually(lambda: admin.search("petrel", type="deal"), [deal["id"]])


async def test_postgresql_away(crm: RunningCrm, tenant: Tenant) -> None:
    admin, stages = tenant.admin, await tenant.admin.stages()
    deal = await admin.post("deals", "/v1/deals", {"name": "Calm before", "amount": "7.00"})
    # Some events are on their way when the lights go out.
    for name in ("Discovery", "Proposal", "Closed Won"):
        await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages[name]})
    before = _services(crm.pids())

    async with crm.away("postgres", at_least_s=AWAY_S):
        answer = await admin.call("deals", "POST", "/v1/deals", json={"name": "Refused, not lost"})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "errors" in answer.json()
        assert (await admin.call("deals", "GET", "/readyz")).status_code == 503
        assert (await admin.call("deals", "GET", "/livez")).status_code == 200

    await crm.drain(timeout_s=120)
    assert _services(crm.pids()) == before
    assert len(await admin.timeline(deal["id"])) == 3
    assert await admin.report() == {"Closed Won": (1, "7.00")} == await admin.board()
