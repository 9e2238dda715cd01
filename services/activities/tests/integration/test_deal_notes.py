"""The notes of deals' moves: one each, however often, in whatever order and by whatever event a move is told."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from crm_activities.consumers import keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_activities.snapshots import SOURCES
from crm_shared.clock import FixedClock, SystemClock, new_id
from crm_shared.contracts import BadRecord, Event
from crm_shared.snapshots.sources import list_snapshots
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published import to_event
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
STAGES = ("Discovery", "Proposal", "Closed Won", "Negotiation", "Closed Lost", "Qualification")


def publish_life(tenant: SeededTenant) -> DealStory:
    """Tell of a deal that is created, moved through all stages, won, reopened, lost, edited and deleted."""
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=new_id())
    deal.create()
    for stage in STAGES:
        deal.move(stage)
    deal.edit(name="Acme extension")
    deal.delete()
    return deal


async def take(kit: Kit, events: list[Event]) -> None:
    await note_deal_moves(events, kit.database, SystemClock())


async def list_notes(kit: Kit, tenant: SeededTenant) -> list[dict[str, Any]]:
    answer = await kit.client(tenant.admin).get("/v1/activities", params={"sort": "occurred_at"})
    return list(require_ok(answer)["items"])


async def test_a_note_says_what_moved_when_and_by_whom_and_is_told(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=new_id(), actor_id=tenant.manager.id)
    now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    await note_deal_moves([*deal.create(), *deal.move("Proposal")], service.database, FixedClock(now))
    (note,) = await list_notes(service, tenant)
    assert (note["type"], note["body"]) == ("NOTE", "Deal moved from Qualification to Proposal")
    assert (note["deal_id"], note["contact_id"]) == (str(deal.id), str(deal.contact_id))
    assert (note["user_id"], note["system"], note["version"]) == (str(tenant.manager.id), True, 1)
    assert datetime.fromisoformat(note["occurred_at"]) == deal.at
    assert datetime.fromisoformat(note["created_at"]) == now
    (event,) = await service.take_events(tenant.id)
    assert (event.type, event.actor_id, event.changed, event.occurred_at) == ("crm.activity.logged", None, None, now)
    assert event.state == note


async def test_a_note_names_the_contact_that_the_deal_had_then(service: Kit, tenant: SeededTenant) -> None:
    first, second = new_id(), new_id()
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=first)
    events = [*deal.create(), *deal.move("Discovery"), *deal.edit(contact_id=second), *deal.move("Proposal")]
    await take(service, events)
    assert [note["contact_id"] for note in await list_notes(service, tenant)] == [str(first), str(second)]


async def test_any_prefix_in_any_repetition_changes_nothing(service: Kit, tenant: SeededTenant) -> None:
    lives = [publish_life(tenant).events for _ in range(3)]
    events = [event for together in zip(*lives, strict=True) for event in together]
    await take(service, events)
    assert len(await list_notes(service, tenant)) == len(STAGES) * len(lives)
    assert len(await service.take_events(tenant.id)) == len(STAGES) * len(lives)
    before = await service.list_rows("activities", "outbox")
    random = Random(20261122)  # noqa: S311 - a test's repeatable choice
    for _ in range(20):
        prefix = events[: random.randint(1, len(events))]
        again = random.choices(prefix, k=len(prefix)) if random.random() < 0.5 else prefix
        await take(service, again)
    assert await service.list_rows("activities", "outbox") == before


async def test_one_at_a_time_or_all_at_once_makes_the_same_notes(service: Kit, tenant: SeededTenant) -> None:
    at_once, one_by_one = publish_life(tenant), publish_life(tenant)
    await take(service, at_once.events)
    for event in reversed(one_by_one.events):
        await take(service, [event, event])
    notes = await list_notes(service, tenant)
    bodies = [[note["body"] for note in notes if note["deal_id"] == str(deal.id)] for deal in (at_once, one_by_one)]
    assert bodies[0] == bodies[1]
    assert len(bodies[0]) == len(STAGES)


async def test_a_move_told_again_under_another_event_id_is_the_same_move(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    deal.create()
    (move,) = deal.move("Proposal")
    await take(service, [move, replace(move, id=new_id())])
    await take(service, [replace(move, id=new_id())])
    assert len(await list_notes(service, tenant)) == 1


async def test_a_stage_moved_to_twice_is_noted_twice(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    events = [*deal.create(), *deal.move("Proposal"), *deal.move("Discovery"), *deal.move("Proposal")]
    await take(service, events)
    assert [note["body"] for note in await list_notes(service, tenant)] == [
        "Deal moved from Qualification to Proposal",
        "Deal moved from Proposal to Discovery",
        "Deal moved from Discovery to Proposal",
    ]


@pytest.mark.parametrize("heard", [0, 3, 9])
async def test_a_snapshot_brings_the_notes_that_are_missing_and_touches_no_other(
    service: Kit, tenant: SeededTenant, heard: int
) -> None:
    deal = publish_life(tenant)
    await take(service, deal.events[:heard])
    published_before = len(await service.take_events(tenant.id))
    await take(service, [deal.snapshot()])
    notes = await list_notes(service, tenant)
    assert [note["body"] for note in notes] == [
        f"Deal moved from {entry['from_stage']['name']} to {entry['to_stage']['name']}" for entry in deal.history[1:]
    ]
    assert [datetime.fromisoformat(note["occurred_at"]) for note in notes] == [
        entry["changed_at"] for entry in deal.history[1:]
    ]
    assert {note["user_id"] for note in notes} == {str(tenant.rep.id)}
    assert published_before + len(await service.take_events(tenant.id)) == len(notes)
    before = await service.list_rows("activities", "outbox")
    await take(service, [*deal.events, deal.snapshot()])
    assert await service.list_rows("activities", "outbox") == before


async def test_the_same_batch_in_many_workers_at_once_makes_each_note_once(service: Kit, tenant: SeededTenant) -> None:
    events = [event for _ in range(20) for event in publish_life(tenant).events]
    await asyncio.gather(*(take(service, order) for order in (events, events[::-1], events[10:] + events[:10])))
    async with service.database.read_as_worker() as connection:
        count = await connection.fetchval("SELECT count(*) FROM activities WHERE tenant_id = $1", tenant.id)
    assert count == len(await service.take_events(tenant.id)) == 20 * len(STAGES)


async def test_a_move_without_names_is_a_bad_record_and_leaves_nothing(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    deal.create()
    (good,) = deal.move("Discovery")
    (bad,) = deal.move("Proposal")
    assert bad.changed is not None
    nameless = replace(bad, changed={"stage_id": bad.changed["stage_id"]})
    with pytest.raises(BadRecord):
        await take(service, [good, nameless])
    assert await list_notes(service, tenant) == []


async def test_a_batch_without_moves_asks_nothing_of_the_database(tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    unreachable: Any = None
    await note_deal_moves([*deal.create(), *deal.edit(name="New name")], unreachable, SystemClock())


@pytest.mark.parametrize("is_note_first", [True, False])
async def test_the_note_and_the_replicas_may_come_in_either_order(
    service: Kit, tenant: SeededTenant, *, is_note_first: bool
) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    deal = DealStory(
        PublishedPipeline.sales(tenant.id),
        tenant.other_rep.id,
        contact_id=contact.aggregate_id,
        actor_id=tenant.other_rep.id,
    )
    events = [*deal.create(), *deal.move("Proposal")]
    rep = service.client(tenant.rep)
    if is_note_first:
        await take(service, events)
        require_problem(await rep.get(f"/v1/timelines/contacts/{contact.aggregate_id}"), 404, "not-found")
    await keep_replicas([*events, contact], service.database)
    if not is_note_first:
        await take(service, events)
    (note,) = require_ok(await rep.get(f"/v1/timelines/contacts/{contact.aggregate_id}"))["items"]
    assert require_ok(await rep.get(f"/v1/activities/{note['id']}")) == note
    require_problem(await rep.get(f"/v1/timelines/deals/{deal.id}"), 404, "not-found")


async def test_nobody_edits_or_deletes_what_the_system_wrote(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    await take(service, [*deal.create(), *deal.move("Proposal")])
    (note,) = await list_notes(service, tenant)
    for person in (tenant.rep, tenant.manager, tenant.admin):
        client, path = service.client(person), f"/v1/activities/{note['id']}"
        require_problem(await client.patch(path, json={"body": "Nothing happened"}), 409, "system-note")
        require_problem(await client.delete(path), 409, "system-note")
    assert await list_notes(service, tenant) == [note]


async def test_republish_repeats_each_activity_as_it_stands(service: Kit, tenant: SeededTenant) -> None:
    client = service.client(tenant.rep)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    await take(service, [*deal.create(), *deal.move("Proposal")])
    due_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    task = require_ok(await client.post("/v1/activities", json={"type": "TASK", "scheduled_at": due_at}), 201)
    await client.delete(f"/v1/activities/{task['id']}")
    newest = {event.aggregate_id: event for event in await service.take_events(tenant.id)}
    snapshots = [to_event(snapshot) async for snapshot in list_snapshots(service.database, SOURCES)]
    ours = {event.aggregate_id: event for event in snapshots if event.tenant_id == tenant.id}
    assert ours.keys() == newest.keys()
    for activity_id, snapshot in ours.items():
        assert (snapshot.type, snapshot.version) == ("crm.activity.snapshot", newest[activity_id].version)
        assert snapshot.state == newest[activity_id].state
