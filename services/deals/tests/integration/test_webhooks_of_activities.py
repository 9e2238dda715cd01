"""Webhooks hear of activities, reminders among them; what was erased is in no delivery any more."""

import json
from typing import Any

import pytest
from services.deals.tests.integration.planning import away, hear, to_do
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import Dispatching, Erp, has_attempts, open_erp, wake_nobody

from crm_deals import consumers
from crm_deals.webhooks.sent_types import SENT_TYPES
from crm_shared.contracts import VERBS, Event
from crm_testing.answers import require_ok, require_problem
from crm_testing.published_records import PublishedRecord
from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import Receiver, answer

pytestmark = pytest.mark.engines

OF_ACTIVITIES = tuple(sorted(one for one in SENT_TYPES if one.startswith("crm.activity.")))
MAKE_DUE = "UPDATE webhook_lanes SET next_attempt_at = now() WHERE tenant_id = $1"
URL = "https://erp.example/hooks"


async def queue(sales: Sales, *events: Event) -> None:
    await consumers.queue_for_webhooks(list(events), sales.kit.database, wake_nobody)


def read_bodies(erp: Erp) -> list[dict[str, Any]]:
    return [json.loads(received.body) for received in erp.receiver.received]


def test_every_act_may_be_asked_for() -> None:
    assert [one.rpartition(".")[2] for one in OF_ACTIVITIES] == sorted({*VERBS["activity"]} - {"snapshot"})
    assert "crm.activity.reminded" in OF_ACTIVITIES


async def test_an_admin_asks_for_activities_by_type(sales: Sales) -> None:
    webhook = require_ok(
        await sales.admin.post("/v1/webhooks", json={"url": URL, "event_types": list(OF_ACTIVITIES)}), 201
    )
    assert webhook["event_types"] == list(OF_ACTIVITIES)
    for wrong in ("crm.activity.snapshot", "crm.activity", "crm.contact.created"):
        answered = await sales.admin.post("/v1/webhooks", json={"url": URL, "event_types": [wrong]})
        assert "/event_types/0" in str(require_problem(answered, 422)["errors"])
    require_problem(
        await sales.rep.post("/v1/webhooks", json={"url": URL, "event_types": ["crm.activity.logged"]}), 403
    )


async def test_an_activitys_events_arrive_whole_once_and_in_order(
    sales: Sales, elsewhere: Sales, receiver: Receiver
) -> None:
    erp = await open_erp(sales, receiver, *OF_ACTIVITIES)
    deal = await sales.create()
    task = to_do(sales, deal, scheduled_at=away(hours=1), remind_at=away(), location=None)
    published = [task.publish()]
    task.change(reminded_at=away())
    published.append(task.publish("reminded"))
    task.change(completed_at=away())
    published.append(task.publish("completed"))
    foreign = PublishedRecord.new("activity", elsewhere.tenant.id, subject="Elsewhere")
    note = PublishedRecord.new("activity", sales.tenant.id, system=True, system_kind="deal_moved", facts={"to": "Won"})
    failures = iter(range(2))
    receiver.behave = lambda _: answer(500) if next(failures, None) is not None else answer(200)

    await queue(sales, *published[:2])
    await queue(sales, *published, foreign.publish(), note.publish(), task.publish("snapshot"))
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)

    arrived = {(body["subject"], body["sequence"]): body for body in read_bodies(erp)}
    of_task = [version for record, version in erp.versions if record == str(task.id)]
    assert sorted(set(of_task)) == of_task[-3:] == [1, 2, 3]
    assert [arrived[str(task.id), str(version)]["type"].rpartition(".")[2] for version in (1, 2, 3)] == [
        "logged",
        "reminded",
        "completed",
    ]
    assert arrived[str(task.id), "1"]["data"]["activity"] == published[0].state
    assert arrived[str(note.id), "1"]["data"]["activity"]["facts"] == {"to": "Won"}
    assert {record for record, _ in erp.versions} == {str(task.id), str(note.id)}


async def test_an_erased_activity_is_forgotten_in_what_waits_and_what_is_kept(sales: Sales, receiver: Receiver) -> None:
    erp = await open_erp(sales, receiver, "crm.activity.logged", "crm.activity.completed")
    deal = await sales.create()
    sent, waiting, other = (to_do(sales, deal, subject="zzyzx", body="zzyzx") for _ in range(3))
    other.state["subject"] = other.state["body"] = "kept"
    late = sent.publish()
    await queue(sales, late, other.publish())
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    [delivery] = [one for one in await erp.list_deliveries() if one["record_id"] == str(sent.id)]
    path = f"/v1/webhooks/{erp.id}/deliveries/{delivery['id']}/redeliver"
    receiver.behave = lambda _: answer(500)
    late_too = waiting.publish()
    await queue(sales, late_too)
    require_ok(await sales.admin.post(path))
    async with Dispatching(sales, webhook_backoff_s=60, webhook_backoff_max_s=60):
        await wait_until(lambda: has_attempts(erp))
    assert await has_text(sales, "zzyzx")

    erasures = [record.change(subject=None, body=None, erased_at=away()) for record in (sent, waiting)]
    for events in (erasures, [*erasures, sent.publish("snapshot")]):
        await hear(sales, *events)
        await queue(sales, *events)
        assert not await has_text(sales, "zzyzx")
    assert await has_text(sales, "kept")
    await queue(sales, late, late_too)  # redriven
    assert not await has_text(sales, "zzyzx")

    receiver.received.clear()
    receiver.behave = lambda _: answer(200)
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(MAKE_DUE, sales.tenant.id)
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    bodies = read_bodies(erp)
    assert {(body["subject"], body["sequence"]) for body in bodies} == {(str(sent.id), "1"), (str(waiting.id), "1")}
    for body in bodies:
        state = body["data"]["activity"]
        assert (state["id"], state["version"], state["subject"]) == (body["subject"], 1, None)
        assert state["erased_at"] is not None
        assert (body["type"], body["data"]["changed"], body["data"]["actor"]) == ("crm.activity.logged", {}, None)


async def has_text(sales: Sales, text: str) -> bool:
    rows = await sales.kit.list_rows("webhook_deliveries")
    return any(text.encode().hex() in line for line in rows["webhook_deliveries"])
