"""`crm why` on the running suite: a move's way through every service, and what is said of an id that is no event's."""

import asyncio
import json

import pytest
from e2e.test_reports_in_a_terminal import run_crm

from crm_testing.records import read_topic
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant

pytestmark = pytest.mark.engines

EFFECTS = {
    ("timeline note", "there"),
    ("deal replica", "there"),
    ("search record", "there"),
    ("search document", "there"),
    ("deal fact", "there"),
    ("stage transition", "there"),
}
GROUPS = {"activities.deal-notes", "activities.replicas", "deals.webhooks", "reporting.deals", "search.index"}


async def find_move(crm: RunningCrm, deal_id: str) -> str:
    """Return the id of the event that tells of the deal's move. Other tests' records may have no headers at all."""
    records = await read_topic(crm.plan.kafka.bootstrap, "crm.deal")
    of_deal = [dict(record.headers) for record in records if record.key == deal_id.encode()]
    (event_id,) = [one["ce_id"].decode() for one in of_deal if one["ce_type"] == b"crm.deal.stage_changed"]
    return str(event_id)


async def test_a_moves_way_is_told_through_every_service(crm: RunningCrm, tenant: Tenant) -> None:
    deal = await tenant.admin.post("deals", "/v1/deals", {"name": "Acme renewal"})
    stages = await tenant.admin.stages()
    await tenant.admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Proposal"]})
    await crm.drain()
    event_id = await find_move(crm, deal["id"])

    parts = json.loads(await asyncio.to_thread(run_crm, crm, "why", event_id, "--json"))
    assert [part["service"] for part in parts] == ["deals", "activities", "search", "reporting"]
    assert {part["event"]["aggregate_id"] for part in parts} == {deal["id"]}
    assert {(part["place"]["topic"], part["place"]["offset"]) for part in parts} == {
        ("crm.deal", parts[0]["place"]["offset"])
    }
    assert {group["group_id"]: group["reading"] for part in parts for group in part["groups"]} == dict.fromkeys(
        GROUPS, "past"
    )
    assert {(one["name"], one["state"]) for part in parts for one in part["effects"]} == EFFECTS
    assert [one for part in parts for one in (*part["letters"], *part["unanswered"])] == []

    # A deal's id has the same form, and is none of an event.
    printed = await asyncio.to_thread(run_crm, crm, "run", "deals", "why", deal["id"], status=1, on_stdout=True)
    assert "not found" in printed
    assert "It may be no event's id" in printed
    await asyncio.to_thread(run_crm, crm, "why", "nonsense", status=2)
