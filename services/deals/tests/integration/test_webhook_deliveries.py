"""Deliveries to a real HTTP server, from the event on: signed, in order, again and again until they arrive."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.receiving import OK, Receiver, answer, receiving
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.settings import DealsSettings
from crm_deals.webhooks import commands
from crm_deals.webhooks.commands import CreateWebhook
from crm_deals.webhooks.dispatch import Dispatcher
from crm_deals.webhooks.sending import Sender
from crm_shared.access import Caller, Role
from crm_shared.clock import SystemClock
from crm_shared.database import Database, UnitOfWork
from crm_shared.testing.answers import require_ok, walk_pages
from crm_shared.testing.waiting import wait_until

pytestmark = pytest.mark.engines
QUICK = {
    "webhook_backoff_s": 0.02,
    "webhook_backoff_max_s": 0.1,
    "webhook_timeout_s": 0.5,
    "webhook_disable_after_failures": 1_000_000,
}
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@dataclass
class Erp:
    """An endpoint of another system, with the webhook that leads to it."""

    sales: Sales
    receiver: Receiver
    id: str

    async def tell(self) -> None:
        """Carry what the service has told to its own consumer, as the bus would."""
        await consumers.queue_for_webhooks(await self.sales.take_events(), self.sales.kit.database)

    async def list_deliveries(self, **filters: str) -> list[dict[str, Any]]:
        return await walk_pages(self.sales.admin, f"/v1/webhooks/{self.id}/deliveries", **filters)

    async def has_sent_all(self) -> bool:
        return not await self.list_deliveries(status="PENDING")

    @property
    def versions(self) -> list[tuple[str, int]]:
        """The (deal id, version) of what came, in its order."""
        bodies = [json.loads(received.body) for received in self.receiver.received]
        return [(body["subject"], int(body["sequence"])) for body in bodies]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as server:
        yield server


async def open_erp(sales: Sales, receiver: Receiver, *types: str) -> Erp:
    caller = Caller(sales.tenant.id, sales.tenant.admin.id, Role.ADMIN, "EUR", "Europe/Berlin")
    database = await Database.open(sales.kit.settings.dsn.get_secret_value(), max_size=1)
    try:
        command = CreateWebhook(caller, receiver.url, types, SECRET, allow_private=True)
        webhook = await commands.create_webhook(command, UnitOfWork(database), SystemClock())
    finally:
        await database.close()
    return Erp(sales, receiver, str(webhook["id"]))


@pytest.fixture
async def erp(sales: Sales, receiver: Receiver) -> Erp:
    return await open_erp(sales, receiver, "crm.deal.created", "crm.deal.stage_changed", "crm.deal.won")


class Dispatching:
    """Runs a dispatcher while in the block."""

    def __init__(self, sales: Sales, **settings: Any) -> None:
        self.settings: DealsSettings = sales.kit.settings.model_copy(update=QUICK | settings)
        self.sender = Sender(timeout_s=self.settings.webhook_timeout_s, allow_private=True)
        self.dispatcher = Dispatcher(sales.kit.database, self.sender, self.settings, SystemClock())

    async def __aenter__(self) -> Dispatcher:
        self.task = asyncio.create_task(self.dispatcher.run())
        return self.dispatcher

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.dispatcher.finish()
        await self.sender.close()


async def test_a_won_deal_arrives_signed_and_whole(sales: Sales, receiver: Receiver) -> None:
    erp = await open_erp(sales, receiver, "crm.deal.won")
    deal = await sales.move(await sales.create(amount="12500.00"), "Closed Won")
    await erp.tell()
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    [received] = receiver.received
    body = json.loads(received.body)
    assert (body["type"], body["subject"], body["data"]["deal"]) == ("crm.deal.won", deal["id"], deal)
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert received.headers["idempotency-key"] == received.headers["webhook-id"] == body["id"]
    signed = f"{body['id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
    digest = hmac.new(b"0123456789abcdef0123456789abcdef", signed, hashlib.sha256).digest()
    assert received.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    [delivery] = await erp.list_deliveries()
    assert (delivery["status"], delivery["attempts"], delivery["response_status"]) == ("DELIVERED", 1, 200)
    assert (delivery["response_excerpt"], delivery["record_version"]) == ("ok", deal["version"])


async def test_events_of_one_deal_keep_their_order_through_failures(sales: Sales, erp: Erp) -> None:
    sick = await sales.create()
    well = await sales.create()
    for stage in ("Discovery", "Proposal", "Closed Won"):
        await sales.move(sick, stage)
        await sales.move(well, stage)
    await erp.tell()
    failures = iter(range(3))

    def behave(received: Any) -> bytes:
        is_sick = json.loads(received.body)["subject"] == sick["id"]
        return answer(500) if is_sick and next(failures, None) is not None else OK

    erp.receiver.behave = behave
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    assert [version for deal, version in erp.versions if deal == well["id"]] == [1, 2, 3, 4, 5]
    assert [version for deal, version in erp.versions if deal == sick["id"]] == [1, 1, 1, 1, 2, 3, 4, 5]
    first = next(each for each in await erp.list_deliveries() if each["attempts"] > 1)
    assert (first["attempts"], first["status"], first["error"]) == (4, "DELIVERED", None)


@pytest.mark.parametrize(
    ("reply", "drip_s", "status", "error"),
    [
        (answer(503, b"come later"), 0, 503, "answered 503"),
        (answer(404), 0, 404, "answered 404"),
        (answer(302, location="http://127.0.0.1:1/"), 0, 302, "answered 302, and redirects are not followed"),
        (None, 0, None, "no whole answer within 0.5 s"),
        (OK, 0.1, None, "no whole answer within 0.5 s"),
        (b"", 0, None, "no answer: RemoteProtocolError"),
    ],
    ids=["fails", "refuses", "redirects", "hangs", "drips", "hangs up"],
)
async def test_what_went_wrong_can_be_read(
    sales: Sales, erp: Erp, reply: bytes | None, drip_s: float, status: int | None, error: str
) -> None:
    await sales.create()
    await erp.tell()
    erp.receiver.behave, erp.receiver.drip_s = (lambda _received: reply), drip_s
    async with Dispatching(sales, webhook_backoff_s=60, webhook_backoff_max_s=60) as dispatcher:
        await wait_until(lambda: _has_attempts(erp))
        assert await dispatcher.send_due() == 0  # it waits its time
    [delivery] = await erp.list_deliveries()
    assert (delivery["status"], delivery["response_status"], delivery["error"]) == ("PENDING", status, error)
    assert delivery["next_attempt_at"] > delivery["last_attempt_at"]


async def _has_attempts(erp: Erp) -> bool:
    return any(delivery["attempts"] for delivery in await erp.list_deliveries())


async def test_a_huge_answer_is_read_no_further_than_shown(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.tell()
    erp.receiver.behave = lambda _received: answer(200, b"\x00x" * 5_000_000)
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    [delivery] = await erp.list_deliveries()
    assert delivery["response_excerpt"] == "x" * 512


async def test_an_endpoint_that_only_fails_is_switched_off_and_goes_on_where_it_stopped(sales: Sales, erp: Erp) -> None:
    deals = [await sales.create() for _ in range(8)]
    await erp.tell()
    erp.receiver.behave = lambda _received: answer(500)
    path = f"/v1/webhooks/{erp.id}"

    async def is_off() -> bool:
        return not require_ok(await sales.admin.get(path))["active"]

    async with Dispatching(sales, webhook_disable_after_failures=12, webhook_disable_after_h=0):
        await wait_until(is_off)
    state = require_ok(await sales.admin.get(path))
    assert "in a row, the last: answered 500" in state["disabled_reason"]
    told = [event for event in await sales.take_events() if event.type == "crm.webhook.disabled"]
    assert [(event.actor_id, event.state["active"]) for event in told] == [(None, False)]
    await sales.move(deals[0], "Closed Won")
    await erp.tell()
    erp.receiver.received.clear()
    erp.receiver.behave = lambda _received: OK
    async with Dispatching(sales) as dispatcher:
        assert await dispatcher.send_due() == 0
        again = require_ok(await sales.admin.patch(path, json={"active": True}))
        assert (again["active"], again["disabled_reason"]) == (True, None)
        await wait_until(erp.has_sent_all)
    assert [version for deal, version in erp.versions if deal == deals[0]["id"]] == [1, 2, 3]
    assert len(erp.versions) == 10


async def test_gone_means_gone(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.tell()
    erp.receiver.behave = lambda _received: answer(410)
    async with Dispatching(sales):
        await wait_until(lambda: _is_off(sales, erp))
    assert len(erp.receiver.received) == 1


async def _is_off(sales: Sales, erp: Erp) -> bool:
    return not require_ok(await sales.admin.get(f"/v1/webhooks/{erp.id}"))["active"]


async def test_what_failed_for_too_long_is_set_aside_and_can_be_sent_again(sales: Sales, erp: Erp) -> None:
    deal = await sales.move(await sales.create(), "Closed Won")
    await erp.tell()
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
    await erp.tell()
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
        deal = await sales.create()
        await sales.move(deal, "Closed Won")
        await erp.tell()
        await wait_until(erp.has_sent_all)
        since = min(each["told_at"] for each in await erp.list_deliveries(record_id=deal["id"]))
        erp.receiver.received.clear()
        replayed = require_ok(await sales.admin.post(f"/v1/webhooks/{erp.id}/replay", json={"since": since}))
        assert replayed == {"count": 3}
        await wait_until(erp.has_sent_all)
    assert erp.versions == [(deal["id"], 1), (deal["id"], 2), (deal["id"], 3)]
    assert early["id"] != deal["id"]


async def test_an_event_read_again_is_queued_once_and_others_webhooks_get_nothing(
    sales: Sales, erp: Erp, elsewhere: Sales, receiver: Receiver
) -> None:
    stranger = await open_erp(elsewhere, receiver, "crm.deal.created")
    await sales.create()
    events = await sales.take_events()
    for batch in (events, events, events[:1]):
        await consumers.queue_for_webhooks(batch, sales.kit.database)
    assert len(await erp.list_deliveries()) == 1
    assert await stranger.list_deliveries() == []


async def test_what_was_told_before_a_webhook_was_made_is_not_for_it(sales: Sales, receiver: Receiver) -> None:
    await sales.create()
    await asyncio.sleep(0.002)
    erp = await open_erp(sales, receiver, "crm.deal.created")
    await erp.tell()
    assert await erp.list_deliveries() == []


async def test_a_worker_that_dies_leaves_the_delivery_to_the_next(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.tell()
    erp.receiver.behave = lambda _received: None
    async with Dispatching(sales) as dispatcher:
        await wait_until(lambda: _has_come(erp))
        for tasks in dispatcher._under_way.values():  # noqa: SLF001 - a SIGKILL's nearest
            for task in list(tasks):
                task.cancel()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE webhook_lanes SET next_attempt_at = now()")  # its lease ends
    erp.receiver.behave = lambda _received: OK
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    assert len(erp.receiver.received) == 2


async def _has_come(erp: Erp) -> bool:
    return bool(erp.receiver.received)


async def test_one_slow_endpoint_takes_no_more_than_its_share(sales: Sales, erp: Erp) -> None:
    for _ in range(8):
        await sales.create()
    await erp.tell()
    erp.receiver.drip_s = 0.002
    async with Dispatching(sales, webhook_concurrency=3, webhook_timeout_s=5):
        await wait_until(erp.has_sent_all)
    assert erp.receiver.most_at_once == 3


async def test_an_imported_moves_old_date_does_not_hide_it(sales: Sales, erp: Erp) -> None:
    deal = await sales.create()
    body = {"stage_id": sales.stages["Proposal"], "changed_at": deal["created_at"]}
    require_ok(await sales.admin.post(f"/v1/deals/{deal['id']}/move", json=body))
    await erp.tell()
    assert {UUID(each["record_id"]) for each in await erp.list_deliveries()} == {UUID(deal["id"])}
    assert len(await erp.list_deliveries()) == 2
