"""What the relay sends is seen in the trace of the request that wrote it, whatever it was sent together with."""

import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from crm_shared.outbox.relay import Relay
from crm_shared.publishing import publish
from crm_shared.telemetry.traces import continue_trace
from crm_testing.outboxes import OutboxDatabase, make_deal_event
from crm_testing.trace_collector import TraceCollector, recording_here

pytestmark = pytest.mark.engines

Relaying = Callable[[], AbstractAsyncContextManager[Relay]]
Wait = Callable[[], Awaitable[None]]


async def test_each_request_has_what_was_sent_of_it_in_its_trace(
    database: OutboxDatabase,
    relaying: Relaying,
    wait_until_empty: Wait,
    collector: TraceCollector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deal_id = uuid.uuid4()
    written: list[str] = []
    worker = await database.connect()
    for versions, flags in (((1, 2), "01"), ((3,), "01"), ((4,), "00")):
        written.append(continue_trace(f"00-{uuid.uuid4().hex}-{'b' * 16}-{flags}"))
        await publish(worker, [make_deal_event(deal_id, version=version) for version in versions], audited=False)
    await worker.close()

    with recording_here(collector, monkeypatch):
        async with relaying():
            await wait_until_empty()

    # Of the third nobody records anything.
    sent = {
        (f"00-{span.trace_id}-{span.parent_id}-01", span.attributes["messaging.batch.message_count"])
        for span in collector.spans
    }
    assert sent == {(written[0], 2), (written[1], 1)}
    assert {(span.name, span.kind, span.has_failed) for span in collector.spans} == {
        ("send crm.deal", "producer", False)
    }
