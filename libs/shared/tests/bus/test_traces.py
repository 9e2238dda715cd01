"""A consumer's batch goes on with the trace in which its record was written, or is linked to those of several."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from crm_shared.bus import Subscription
from crm_shared.bus.worker import Worker
from crm_shared.contracts import Event
from crm_testing.drain import Bus, drain
from crm_testing.outboxes import make_deal_event
from crm_testing.records import RawRecord, write_records
from crm_testing.trace_collector import TraceCollector, recording_here

pytestmark = pytest.mark.engines

Working = Callable[[Sequence[Subscription]], AbstractAsyncContextManager[Worker]]
TRACES: Final = tuple(f"{number:032x}" for number in (0xA1, 0xA2, 0xA3))


def written_in(*traces: str) -> list[RawRecord]:
    """Make events of one deal, so in one partition, each written by a recorded request of its own."""
    deal_id = uuid.uuid4()
    records = []
    for version, trace_id in enumerate(traces, start=1):
        event = make_deal_event(deal_id, version=version)
        headers = event.headers(f"00-{trace_id}-{'b' * 16}-01")
        records.append(RawRecord(str(deal_id).encode(), event.payload, headers))
    return records


async def keep_quiet(_batch: list[Event]) -> None:
    """Handle nothing: what is looked at is what stands round it."""


async def test_a_record_goes_on_with_its_trace_and_a_batch_of_several_is_linked_to_all(
    kafka_bootstrap: str,
    topic: str,
    group_id: str,
    working: Working,
    collector: TraceCollector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = Bus(kafka_bootstrap, groups={group_id: [topic]})
    subscription = Subscription((topic,), group_id, keep_quiet)
    alone = "c" * 32
    with recording_here(collector, monkeypatch):
        for records in (written_in(*TRACES), written_in(alone)):
            await write_records(kafka_bootstrap, topic, records)
            async with working([subscription]):
                await drain(bus)

    batches = {span.attributes["messaging.batch.message_count"]: span for span in collector.spans}
    assert {(span.name, span.kind) for span in collector.spans} == {(f"process {topic}", "consumer")}
    assert batches[1].trace_id == alone
    assert batches[1].parent_id == "b" * 16
    assert batches[1].attributes["cloudevents.event_type"] == "crm.deal.created"
    assert {trace_id for trace_id, _ in batches[3].links} == set(TRACES)
    assert batches[3].trace_id not in TRACES
    assert batches[3].attributes["messaging.consumer.group.name"] == group_id

    write, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    exemplars = [line for line in write(REGISTRY).decode().splitlines() if group_id in line and " # " in line]
    assert any("crm_bus_freshness_seconds_bucket" in line and f'trace_id="{alone}"' in line for line in exemplars)
    assert any("crm_bus_handler_seconds_bucket" in line and f'trace_id="{alone}"' in line for line in exemplars)
