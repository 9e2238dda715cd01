"""Whatever an attempt meets is a failed attempt: told in the delivery, counted, backed off, in time switched off."""

import asyncio
from collections.abc import Mapping

import pytest
from prometheus_client import REGISTRY
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import ANYWHERE, Dispatching, Erp, has_attempts, is_off

from crm_deals import consumers
from crm_deals.webhooks.sending import Answer, Sender
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok
from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import answer

pytestmark = pytest.mark.engines
QUARTER_HOUR = {"webhook_backoff_s": 0.02, "webhook_backoff_max_s": 900}


async def _set_url(sales: Sales, erp: Erp, url: str) -> None:
    """Put the URL there as it may have been kept before addresses had one form."""
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE webhooks SET url = $2 WHERE id = $1", erp.id, url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://bücher.invalid/hooks", "the name can't be resolved"),
        (f"http://{'a' * 64}.invalid/", "the URL has a host that is no name in DNS"),
        ("http://127.0.0.1:1/a\x01b", "the URL holds a space, a control sign or a backslash"),
    ],
)
async def test_an_address_that_can_never_work_is_switched_off(sales: Sales, erp: Erp, url: str, words: str) -> None:
    await _set_url(sales, erp, url)
    await sales.create()
    await erp.publish()
    async with Dispatching(sales, webhook_disable_after_failures=3, webhook_disable_after_h=0, webhook_timeout_s=5):
        await wait_until(lambda: is_off(sales, erp))
    [delivery] = await erp.list_deliveries()
    assert delivery["attempts"] >= 3
    assert delivery["error"].startswith(words)
    assert words in require_ok(await sales.admin.get(f"/v1/webhooks/{erp.id}"))["disabled_reason"]


async def test_what_a_clock_ahead_of_ours_queued_is_sent_in_no_time(sales: Sales, erp: Erp) -> None:
    """A negative delay would make the histogram's sum go down, and the metrics unreadable."""
    names = [f"crm_webhook_{kind}_seconds_sum" for kind in ("first_attempt", "delay")]
    before = [REGISTRY.get_sample_value(name) for name in names]
    await sales.create()
    await erp.publish()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE webhook_deliveries SET created_at = created_at + interval '1 hour' WHERE webhook_id = $1", erp.id
        )
    async with Dispatching(sales):
        await wait_until(erp.has_sent_all)
    assert [REGISTRY.get_sample_value(name) for name in names] == before
    assert [delivery["status"] for delivery in await erp.list_deliveries()] == ["DELIVERED"]


@pytest.mark.parametrize("wait", ["²", "9" * 5000, "١٢", "Sun, 99 Nov 2026 09:02:00 GMT", "x" * 5000])
async def test_a_retry_after_that_is_none_is_not_heeded(sales: Sales, erp: Erp, wait: str) -> None:
    erp.receiver.behave = lambda _received: answer(503, Retry_After=wait)
    await sales.create()
    await erp.publish()
    async with Dispatching(sales, webhook_disable_after_failures=3, webhook_disable_after_h=0):
        await wait_until(lambda: is_off(sales, erp))
    [delivery] = await erp.list_deliveries()
    assert (delivery["error"], delivery["response_status"]) == ("answered 503", 503)


@pytest.mark.parametrize("wait", ["600", "Fri, 31 Dec 2199 23:59:59 GMT"])
async def test_a_retry_after_is_heeded_within_bounds(sales: Sales, erp: Erp, wait: str) -> None:
    erp.receiver.behave = lambda _received: answer(503, Retry_After=wait)
    await sales.create()
    await erp.publish()
    async with Dispatching(sales, **QUARTER_HOUR):
        await wait_until(lambda: has_attempts(erp))
    async with sales.kit.database.read_as_worker() as connection:
        wait_s = await connection.fetchval(
            "SELECT extract(epoch FROM next_attempt_at - last_attempt_at)"
            "  FROM webhook_deliveries WHERE webhook_id = $1",
            erp.id,
        )
    assert 590 < wait_s < 910


class _BrokenSender(Sender):
    """Stands for a fault of ours that nobody has met yet."""

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        raise LookupError(
            f"{url} and\x00 \ud800 what nobody expected, in {len(body) + len(headers)} signs" + "!" * 1000
        )


async def test_what_nobody_expected_is_a_failed_attempt_too(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.publish()
    dispatching = Dispatching(sales, webhook_disable_after_failures=2, webhook_disable_after_h=0)
    dispatching.dispatcher._sender = _BrokenSender(ANYWHERE, SystemClock(), timeout_s=1)  # noqa: SLF001 - for this
    async with dispatching:
        await wait_until(lambda: is_off(sales, erp))
    [delivery] = await erp.list_deliveries()
    assert (delivery["attempts"], delivery["error"][:41]) == (2, "the attempt broke off: LookupError: http:")
    assert len(delivery["error"]) == 200


async def test_an_answer_that_can_not_be_kept_is_a_failed_attempt(sales: Sales, erp: Erp) -> None:
    await sales.create()
    await erp.publish()

    class OddSender(Sender):
        async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
            return Answer(status=2**40, error=f"odd, as is {url}", excerpt=None, duration_ms=len(body) + len(headers))

    dispatching = Dispatching(sales, webhook_disable_after_failures=2, webhook_disable_after_h=0)
    dispatching.dispatcher._sender = OddSender(ANYWHERE, SystemClock(), timeout_s=1)  # noqa: SLF001 - for this
    async with dispatching:
        await wait_until(lambda: is_off(sales, erp))
    [delivery] = await erp.list_deliveries()
    assert delivery["error"].startswith("the attempt broke off: ")


async def test_an_attempt_that_lost_its_lane_does_not_move_it_on(sales: Sales, erp: Erp) -> None:
    """The first attempt ends after another took the lane: the deal's second event waits for that one."""
    deal = await sales.create()
    await sales.move(deal, "Discovery")
    await erp.publish()
    held, first, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class SlowSender(Sender):
        async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
            is_first = not first.is_set()
            first.set()
            if is_first:
                await held.wait()
            answered = await super().send(url, body, headers)
            ended.set()
            return answered

    slow, second = Dispatching(sales), asyncio.Event()
    slow.dispatcher._sender = SlowSender(ANYWHERE, SystemClock(), timeout_s=60)  # noqa: SLF001 - for this
    erp.receiver.gates = [second]  # the second attempt is the first to arrive
    async with slow:
        await wait_until(lambda: _is_set(first))
        async with sales.kit.database.begin_as_worker() as transaction:
            await transaction.execute("UPDATE webhook_lanes SET next_attempt_at = now() WHERE webhook_id = $1", erp.id)
        async with Dispatching(sales, webhook_timeout_s=60):
            await wait_until(lambda: _has_arrived(erp))
            held.set()
            await wait_until(lambda: _is_set(ended))
            await asyncio.sleep(0.2)  # what is not to happen would by now
            assert [version for _, version in erp.versions] == [1, 1]
            second.set()
            await wait_until(erp.has_sent_all)
    assert [version for _, version in erp.versions] == [1, 1, 2]


async def test_who_is_told_of_a_delivery_looks_at_once(sales: Sales, erp: Erp) -> None:
    """The next look by itself would be a minute later, beyond what a test waits."""
    async with Dispatching(sales, webhook_poll_s=60.0) as dispatcher:
        for number in range(2):
            await sales.create(name=f"Deal {number}")
            await consumers.queue_for_webhooks(await sales.take_events(), sales.kit.database, dispatcher.wake)
            await wait_until(erp.has_sent_all)
    assert len(erp.versions) == 2


async def test_a_stop_is_heard_though_an_attempt_ends_at_the_same_moment(sales: Sales) -> None:
    dispatcher = Dispatching(sales).dispatcher

    async def go_on_waiting() -> None:
        while True:
            await dispatcher._wait()  # noqa: SLF001 - the moments between two looks at the queue

    waiting = asyncio.create_task(go_on_waiting())
    for _ in range(3):
        await asyncio.sleep(0)
    dispatcher.wake()
    await asyncio.sleep(0)
    waiting.cancel()
    _, deaf = await asyncio.wait([waiting], timeout=5)
    waiting.cancel()
    assert deaf == set()


async def test_the_same_name_shares_a_connection_and_another_at_its_address_does_not() -> None:
    """Else the second would be sent to under the certificate of the first."""
    connections: list[list[str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hosts: list[str] = []
        connections.append(hosts)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                hosts.append(next(line for line in head.split("\r\n") if line.lower().startswith("host: "))[6:])
                await reader.readexactly(2)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def look_up(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = Sender(ANYWHERE, SystemClock(), timeout_s=5, look_up=look_up)
    try:
        for name in ("one.example", "one.example", "two.example", "müller.example"):
            assert (await sender.send(f"http://{name}:{port}/", b"{}", {})).is_success
    finally:
        await sender.close()
        server.close()
    names = [f"{name}:{port}" for name in ("one.example", "two.example", "xn--mller-kva.example")]
    assert connections == [[names[0], names[0]], [names[1]], [names[2]]]


async def _is_set(event: asyncio.Event) -> bool:
    return event.is_set()


async def _has_arrived(erp: Erp) -> bool:
    return len(erp.receiver.received) > 0
