"""The notes over the real broker: a bad move is set aside alone, and replaying everything changes no row."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic_core import to_json

from crm_activities.consumers import note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.worker import Worker
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event, to_headers
from crm_testing.answers import walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.drain import Bus, drain, redeliver
from crm_testing.people import SeededTenant
from crm_testing.records import RawRecord, make_topic, write_records
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
GROUP = f"activities.deal-notes-{uuid.uuid4().hex[:8]}"


def to_record(event: Event) -> RawRecord:
    """Write an event as it was on the wire, with what the test changed in it."""
    actor = None if event.actor_id is None else {"user_id": event.actor_id}
    headers = to_headers(
        event_id=event.id,
        event_type=event.type,
        source="/crm/deals",
        subject=event.aggregate_id,
        time=event.occurred_at.isoformat(),
        dataschema=f"/schemas/{event.type}/1",
        tenant_id=event.tenant_id,
        sequence=event.version,
    )
    value = to_json({"deal": event.state, "changed": event.changed, "actor": actor})
    return RawRecord(str(event.aggregate_id).encode(), value, headers)


@asynccontextmanager
async def working(service: Kit, kafka_bootstrap: str, topic: str) -> AsyncIterator[None]:
    """Consume `topic` in this process, under the consumer's own settings but for the names."""
    subscription = replace(note_deal_moves.bind(service.database, SystemClock()), topics=(topic,), group_id=GROUP)
    worker = Worker(ConsumerSettings(kafka_bootstrap, client_id="test"), [subscription])
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def test_a_nameless_move_is_set_aside_and_a_replay_changes_no_row(
    service: Kit, tenant: SeededTenant, kafka_bootstrap: str
) -> None:
    topic = await make_topic(kafka_bootstrap, partitions=2, group_id=GROUP)
    bus = Bus(kafka_bootstrap, groups={GROUP: [topic]})
    deals = [DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id) for _ in range(40)]
    events = [event for deal in deals for event in [*deal.create(), *deal.move("Proposal"), *deal.move("Discovery")]]
    nameless = replace(deals[7].move("Negotiation")[0], changed={})
    records = [to_record(event) for event in [*events[:50], nameless, *events[50:], *events[:60]]]
    await write_records(kafka_bootstrap, topic, records)
    async with working(service, kafka_bootstrap, topic):
        await drain(bus, expected_dead_letters=1)
    notes = await walk_pages(service.client(tenant.rep), "/v1/activities", limit=200)
    assert len({note["id"] for note in notes}) == len(notes) == 80

    before = await service.list_rows("activities", "outbox")
    await redeliver(bus)
    async with working(service, kafka_bootstrap, topic):
        await drain(bus, expected_dead_letters=2)  # the bad one is as bad the second time
    assert await service.list_rows("activities", "outbox") == before
