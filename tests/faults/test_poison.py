"""A record that nobody can read is set aside, and the rest goes on."""

import pytest

from crm_testing.records import RawRecord, read_topic, write_records
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant

pytestmark = [pytest.mark.engines, pytest.mark.faults]


async def test_a_poison_record_is_dead_lettered_and_the_rest_goes_on(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    stages = await admin.stages()
    deal = await admin.post("deals", "/v1/deals", {"name": "Before and after"})
    await crm.drain()
    poison = RawRecord(deal["id"].encode(), b"{not json", [("ce_type", b"crm.deal.updated"), ("mark", b"p1")])
    await write_records(crm.plan.kafka.bootstrap, "crm.deal", [poison])
    await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Proposal"]})

    groups = [group for group, topics in crm.bus.groups.items() if "crm.deal" in topics]
    await crm.drain(new_dead_letters=len(groups))

    assert await admin.timeline(deal["id"]) == ["Deal moved from Qualification to Proposal"]
    assert await admin.report() == await admin.board()
    for group in groups:
        letter = (await read_topic(crm.plan.kafka.bootstrap, f"crm.deal.{group}.dlq"))[-1]
        headers = dict(letter.headers)
        assert (letter.key, letter.value, headers["mark"]) == (poison.key, poison.value, b"p1")
        assert headers["crm_error_reason"]
