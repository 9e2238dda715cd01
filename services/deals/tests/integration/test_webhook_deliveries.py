"""Deliveries to a real HTTP server, from the event on: signed, in order, again and again until they arrive."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import Dispatching, Erp, has_attempts, open_erp

from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import OK, Receiver, answer

pytestmark = pytest.mark.engines


async def test_a_won_deal_arrives_signed_and_whole(sales: Sales, receiver: Receiver) -> None:
    erp = await open_erp(sales, receiver, "crm.deal.won")
    deal = await sales.move(await sales.create(amount="12500.00"), "Closed Won")
    await erp.publish()
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
    await erp.publish()
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
    await erp.publish()
    erp.receiver.behave, erp.receiver.drip_s = (lambda _received: reply), drip_s
    async with Dispatching(sales, webhook_backoff_s=60, webhook_backoff_max_s=60) as dispatcher:
        await wait_until(lambda: has_attempts(erp))
        await dispatcher.send_due()
        await dispatcher.finish()
    [delivery] = await erp.list_deliveries()
    assert (delivery["status"], delivery["response_status"], delivery["error"]) == ("PENDING", status, error)
    assert delivery["next_attempt_at"] > delivery["last_attempt_at"]
    assert delivery["attempts"] == 1  # it waits its time


async def test_a_huge_answer_is_read_no_further_than_shown(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.publish()
    erp.receiver.behave = lambda _received: answer(200, b"\x00x" * 5_000_000)
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    [delivery] = await erp.list_deliveries()
    assert delivery["response_excerpt"] == "x" * 512
