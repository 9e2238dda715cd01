"""Webhooks that fail for long, are replayed, read twice, or lose their worker."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import (
    Dispatching,
    Erp,
    has_come,
    is_off,
    open_erp,
    wake_nobody,
)

from crm_deals import consumers
from crm_testing.answers import require_ok, require_problem
from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import OK, Receiver, answer

pytestmark = pytest.mark.engines


async def test_an_endpoint_that_only_fails_is_switched_off_and_goes_on_where_it_stopped(sales: Sales, erp: Erp) -> None:
    deals = [await sales.create() for _ in range(8)]
    await erp.publish()
    erp.receiver.behave = lambda _received: answer(500)
    path = f"/v1/webhooks/{erp.id}"

    async def is_off() -> bool:
        return not require_ok(await sales.admin.get(path))["active"]

    async with Dispatching(sales, webhook_disable_after_failures=12, webhook_disable_after_h=0):
        await wait_until(is_off)
    state = require_ok(await sales.admin.get(path))
    assert "in a row, the last: answered 500" in state["disabled_reason"]
    published = [event for event in await sales.take_events() if event.type == "crm.webhook.disabled"]
    assert [(event.actor_id, event.state["active"]) for event in published] == [(None, False)]
    await sales.move(deals[0], "Closed Won")
    await erp.publish()
    erp.receiver.received.clear()
    erp.receiver.behave = lambda _received: OK
    async with Dispatching(sales) as dispatcher:
        await dispatcher.send_due()
        await dispatcher.finish()
        assert erp.receiver.received == []  # what waits for it is kept, and not sent
        again = require_ok(await sales.admin.patch(path, json={"active": True}))
        assert (again["active"], again["disabled_reason"]) == (True, None)
        await wait_until(erp.has_sent_all)
    assert [version for deal, version in erp.versions if deal == deals[0]["id"]] == [1, 2, 3]
    assert len(erp.versions) == 10


async def test_gone_means_gone(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.publish()
    erp.receiver.behave = lambda _received: answer(410)
    async with Dispatching(sales):
        await wait_until(lambda: is_off(sales, erp))
    assert len(erp.receiver.received) == 1


async def test_what_failed_for_too_long_is_set_aside_and_can_be_sent_again(sales: Sales, erp: Erp) -> None:
    deal = await sales.move(await sales.create(), "Closed Won")
    await erp.publish()
    erp.receiver.behave = lambda received: answer(500) if json.loads(received.body)["sequence"] == "2" else OK
    async with Dispatching(sales, webhook_give_up_after_h=0.3 / 3600):
        await wait_until(erp.has_sent_all)
        by_version = {each["record_version"]: each for each in await erp.list_deliveries()}
        assert {version: each["status"] for version, each in by_version.items()} == {
            1: "DELIVERED",
            2: "FAILED",
            3: "DELIVERED",
        }
        erp.receiver.behave = lambda _received: OK
        path = f"/v1/webhooks/{erp.id}/deliveries/{by_version[2]['id']}"
        again = require_ok(await sales.admin.post(f"{path}/redeliver"))
        assert (again["status"], again["replay_of"]) == ("PENDING", by_version[2]["id"])
        await wait_until(erp.has_sent_all)
    assert erp.versions[-1] == (deal["id"], 2)
    keys = {received.headers["idempotency-key"] for received in erp.receiver.received}
    assert len(keys) == 3  # the receiver sees that the second came again


async def test_all_since_a_moment_comes_again_in_order(sales: Sales, erp: Erp) -> None:
    early = await sales.create()
    await erp.publish()
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
        deal = await sales.create()
        await sales.move(deal, "Closed Won")
        await erp.publish()
        await wait_until(erp.has_sent_all)
        since = min(each["told_at"] for each in await erp.list_deliveries(record_id=deal["id"]))
        erp.receiver.received.clear()
        replayed = require_ok(await sales.admin.post(f"/v1/webhooks/{erp.id}/replay", json={"since": since}))
        assert replayed == {"count": 3}
        await wait_until(erp.has_sent_all)
    assert erp.versions == [(deal["id"], 1), (deal["id"], 2), (deal["id"], 3)]
    assert early["id"] != deal["id"]


async def deliver_one(sales: Sales, erp: Erp) -> dict[str, Any]:
    """Make a deal and deliver its event; return the delivery."""
    await sales.create()
    await erp.publish()
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    [delivery] = await erp.list_deliveries()
    return delivery


async def test_one_replay_is_under_way_at_a_time(sales: Sales, erp: Erp) -> None:
    delivery = await deliver_one(sales, erp)
    path, since = f"/v1/webhooks/{erp.id}", {"since": delivery["told_at"]}
    both = await asyncio.gather(*(sales.admin.post(f"{path}/replay", json=since) for _ in range(2)))
    assert sorted(answer.status_code for answer in both) == [200, 429]
    refused = await sales.admin.post(f"{path}/replay", json=since)
    require_problem(refused, 429, "replay-too-soon")
    assert refused.headers["retry-after"] == "30"
    again = await sales.admin.post(f"{path}/deliveries/{delivery['id']}/redeliver")
    require_problem(again, 409, "delivery-pending")
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    require_ok(await sales.admin.post(f"{path}/replay", json=since))
    assert len(erp.versions) == 2


async def test_a_replay_behind_a_redelivery_of_a_webhook_that_is_off_says_what_it_waits_for(
    sales: Sales, erp: Erp
) -> None:
    delivery = await deliver_one(sales, erp)
    path, since = f"/v1/webhooks/{erp.id}", {"since": delivery["told_at"]}
    require_ok(await sales.admin.patch(path, json={"active": False}))
    require_ok(await sales.admin.post(f"{path}/deliveries/{delivery['id']}/redeliver"))
    refused = require_problem(await sales.admin.post(f"{path}/replay", json=since), 429, "replay-too-soon")
    assert refused["detail"] == (
        "A replay or redelivery of this webhook is still under way: it waits until the webhook is switched on."
    )
    require_ok(await sales.admin.patch(path, json={"active": True}))
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    assert require_ok(await sales.admin.post(f"{path}/replay", json=since)) == {"count": 1}


async def test_an_event_read_again_is_queued_once_and_others_webhooks_get_nothing(
    sales: Sales, erp: Erp, elsewhere: Sales, receiver: Receiver
) -> None:
    stranger = await open_erp(elsewhere, receiver, "crm.deal.created")
    await sales.create()
    events = await sales.take_events()
    for batch in (events, events, events[:1]):
        await consumers.queue_for_webhooks(batch, sales.kit.database, wake_nobody)
    assert len(await erp.list_deliveries()) == 1
    assert await stranger.list_deliveries() == []


async def test_what_was_told_before_a_webhook_was_made_is_not_for_it(sales: Sales, receiver: Receiver) -> None:
    await sales.create()
    await asyncio.sleep(0.002)
    erp = await open_erp(sales, receiver, "crm.deal.created")
    await erp.publish()
    assert await erp.list_deliveries() == []


async def test_a_worker_that_dies_leaves_the_delivery_to_the_next(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.publish()
    erp.receiver.behave = lambda _received: None
    async with Dispatching(sales) as dispatcher:
        await wait_until(lambda: has_come(erp))
        for task in list(dispatcher._under_way):  # noqa: SLF001 - a SIGKILL's nearest
            task.cancel()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE webhook_lanes SET next_attempt_at = now()")  # its lease ends
    erp.receiver.behave = lambda _received: OK
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    assert len(erp.receiver.received) == 2


async def test_one_slow_endpoint_takes_no_more_than_its_share(sales: Sales, erp: Erp) -> None:
    for _ in range(8):
        await sales.create()
    await erp.publish()
    erp.receiver.drip_s = 0.002
    async with Dispatching(sales, webhook_concurrency=3, webhook_timeout_s=60):
        await wait_until(erp.has_sent_all)
    assert erp.receiver.most_at_once == 3


async def test_an_imported_moves_old_date_does_not_hide_it(sales: Sales, erp: Erp) -> None:
    deal = await sales.create()
    body = {"stage_id": sales.stages["Proposal"], "changed_at": deal["created_at"]}
    require_ok(await sales.admin.post(f"/v1/deals/{deal['id']}/move", json=body))
    await erp.publish()
    assert {UUID(each["record_id"]) for each in await erp.list_deliveries()} == {UUID(deal["id"])}
    assert len(await erp.list_deliveries()) == 2
