"""What `restored` makes of activities that others have heard of and that are not there."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from services.activities.tests.integration.importing import Kit
from services.activities.tests.integration.series_stories import SeriesStory

from crm_activities.consumers import note_deal_moves
from crm_activities.snapshots import SOURCES
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event
from crm_shared.features.restoring.orphans import end_orphans, find_lost
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

[ACTIVITIES] = SOURCES


async def publish(events: Sequence[Event]) -> AsyncIterator[list[Event]]:
    yield list(events)


async def lose(service: Kit, tenant: SeededTenant, events: Sequence[Event], *, kept: str) -> None:
    """Leave of the activities that the events tell of none but one."""
    ids = [event.aggregate_id for event in events if str(event.aggregate_id) != kept]
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM activities WHERE tenant_id = $1 AND id = ANY ($2)", tenant.id, ids)


async def test_what_is_made_again_under_its_id_is_not_told_as_ended(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    """The first version of what the workers make again would be stale to all who had heard of an end above it."""
    first, *others = await SeriesStory.of(service, rep).begin("FREQ=DAILY;COUNT=3")
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    moves = [*deal.create(), *deal.move("Proposal")]
    await note_deal_moves(moves, service.database, SystemClock())
    own = require_ok(await rep.post("/v1/activities", json={"type": "NOTE", "subject": "own"}), 201)
    events = await service.take_events(tenant.id)
    await lose(service, tenant, events, kept=first["id"])

    lost = await find_lost(service.database, ACTIVITIES, publish(events))
    assert [str(activity_id) for _, activity_id in lost.orphans] == [own["id"]]
    assert lost.made_again == len(others) + 1 == 3

    # What a series that is not there had made is gone with it.
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM activity_series WHERE tenant_id = $1", tenant.id)
    lost = await find_lost(service.database, ACTIVITIES, publish(events))
    assert {str(activity_id) for _, activity_id in lost.orphans} == {own["id"], *(one["id"] for one in others)}
    assert lost.made_again == 1


async def test_one_whose_end_can_not_be_told_keeps_no_other_from_its_own(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    """No reader would take an end whose state is not whole; people hear of it instead."""
    for subject in ("whole", "broken"):
        require_ok(await rep.post("/v1/activities", json={"type": "NOTE", "subject": subject}), 201)
    whole, broken = await service.take_events(tenant.id)
    broken = replace(broken, state={name: broken.state[name] for name in ("id", "version", "created_at")})
    now = datetime.now(UTC)
    left = await end_orphans(service.database, ACTIVITIES, [broken, whole], epoch=10**12, now=now)
    assert left == [(tenant.id, broken.aggregate_id)]
    [ended] = await service.take_events(tenant.id)
    assert (ended.aggregate_id, ended.version, ended.restored_from) == (whole.aggregate_id, 10**12, 0)
    assert ended.is_removal
