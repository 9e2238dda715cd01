"""Activities follow a merged contact and return when it is parted; timelines are whole either way."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.consumers import keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_merges import PublishedContacts
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"
MANY = 1_200
TABLES = ("activities", "outbox", "replica_records")

INSERT_MANY = """
    INSERT INTO activities (tenant_id, id, version, type, contact_id, user_id, occurred_at, system, created_at,
                            updated_at)
    SELECT $1, gen_random_uuid(), 1, 'NOTE', $2, $3, now(), false, now(), now() FROM generate_series(1, $4)
"""


@pytest.fixture
def rep(service: Kit, tenant: SeededTenant) -> httpx.AsyncClient:
    return service.client(tenant.rep)


async def open_contacts(kit: Kit, tenant: SeededTenant, count: int) -> tuple[PublishedContacts, list[UUID]]:
    """Tell of `count` contacts of the REP; the service has heard of them."""
    published = PublishedContacts(tenant.id, tenant.rep.id)
    ids = [published.create() for _ in range(count)]
    await keep_replicas(published.events, kit.database)
    return published, ids


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"type": "NOTE", **{name: str(value) for name, value in fields.items()}}
    return require_ok(await client.post(PATH, json=body), 201)


async def place_of(client: httpx.AsyncClient, activity: dict[str, Any]) -> tuple[str | None, str | None]:
    found = require_ok(await client.get(f"{PATH}/{activity['id']}"))
    return found["contact_id"], found["original_contact_id"]


async def read_timeline(client: httpx.AsyncClient, contact_id: UUID) -> set[str]:
    return {item["id"] for item in await walk_pages(client, f"/v1/timelines/contacts/{contact_id}")}


async def test_the_survivors_timeline_has_both_and_gives_one_back(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (first, second) = await open_contacts(service, tenant, 2)
    one, two = await log(rep, contact_id=first), await log(rep, contact_id=second)
    await service.take_events(tenant.id)

    await keep_replicas(published.merge(first, into=second), service.database)
    added = await log(rep, contact_id=second)

    assert await read_timeline(rep, second) == {one["id"], two["id"], added["id"]}
    require_problem(await rep.get(f"/v1/timelines/contacts/{first}"), 404, "not-found")
    moved, _ = await service.take_events(tenant.id)
    assert (moved.type, moved.version, moved.actor_id) == ("crm.activity.updated", 2, None)
    one_and_all = {"contact_id", "original_contact_id", "contact_ids", "original_contact_ids"}
    assert set(moved.changed or ()) == one_and_all

    await keep_replicas(published.part(first), service.database)

    assert await read_timeline(rep, second) == {two["id"], added["id"]}
    assert await read_timeline(rep, first) == {one["id"]}
    assert await place_of(rep, one) == (str(first), None)


async def test_a_replay_in_any_order_changes_nothing(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (a, b, c) = await open_contacts(service, tenant, 3)
    activities = [await log(rep, contact_id=contact) for contact in (a, b, c)]
    chain = [*published.merge(a, into=b), *published.merge(b, into=c)]
    await keep_replicas(chain[2:], service.database)
    await keep_replicas(chain[:2], service.database)
    before = await service.list_rows(*TABLES)

    for seed in range(5):
        await keep_replicas(Random(seed).sample(published.events, len(published.events)), service.database)  # noqa: S311

    assert await service.list_rows(*TABLES) == before
    assert [await place_of(rep, one) for one in activities] == [(str(c), str(a)), (str(c), str(b)), (str(c), None)]


async def test_a_note_of_the_system_follows_and_one_told_late_finds_the_survivor(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (first, second) = await open_contacts(service, tenant, 2)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=first)
    await keep_replicas([*deal.create()], service.database)
    await note_deal_moves([*deal.move("Proposal")], service.database, SystemClock())

    await keep_replicas(published.merge(first, into=second), service.database)
    late = [*deal.move("Negotiation")]  # told before the deal has followed
    await note_deal_moves(late, service.database, SystemClock())

    notes = await walk_pages(rep, f"/v1/timelines/contacts/{second}")
    assert {(note["contact_id"], note["original_contact_id"]) for note in notes} == {(str(second), str(first))}
    assert len(notes) == 2

    await keep_replicas(published.part(first), service.database)
    assert await read_timeline(rep, first) == {note["id"] for note in notes}


async def test_a_note_of_a_contact_nobody_heard_of_follows_when_it_is_heard_of(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published = PublishedContacts(tenant.id, tenant.rep.id)
    first, second = published.create(), published.create()
    published.merge(first, into=second)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=first)
    deal.create()

    await asyncio.gather(
        note_deal_moves([*deal.move("Proposal")], service.database, SystemClock()),
        keep_replicas(published.events[-2:], service.database),  # all that compaction has left
    )

    assert len(await read_timeline(rep, second)) == 1


async def test_a_merged_contact_takes_no_new_activities_and_its_deals_go_to_the_survivor(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (first, second) = await open_contacts(service, tenant, 2)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=first)
    await keep_replicas([*deal.create()], service.database)
    plain = await log(rep)
    await keep_replicas(published.merge(first, into=second), service.database)

    named = await rep.post(PATH, json={"type": "NOTE", "contact_id": str(first)})
    edited = await rep.patch(f"{PATH}/{plain['id']}", json={"contact_id": str(first)})
    brought = await log(rep, deal_id=deal.id)
    require_ok(await rep.patch(f"{PATH}/{plain['id']}", json={"deal_id": str(deal.id)}))

    require_problem(named, 422, "unknown-reference", "/contact_id")
    require_problem(edited, 422, "unknown-reference", "/contact_id")
    assert await place_of(rep, brought) == (str(second), str(first))
    assert await place_of(rep, plain) == (str(second), str(first))


async def test_an_activity_that_somebody_gave_away_stays_there(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (first, second, third) = await open_contacts(service, tenant, 3)
    activity = await log(rep, contact_id=first)
    await keep_replicas(published.merge(first, into=second), service.database)

    require_ok(await rep.patch(f"{PATH}/{activity['id']}", json={"contact_id": str(third)}))
    await keep_replicas(published.part(first), service.database)

    assert await place_of(rep, activity) == (str(third), None)


async def test_a_thousand_activities_follow_and_return(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (first, second) = await open_contacts(service, tenant, 2)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(INSERT_MANY, tenant.id, first, tenant.rep.id, MANY)

    await keep_replicas(published.merge(first, into=second), service.database)
    assert len(await read_timeline(rep, second)) == MANY
    await keep_replicas(published.part(first), service.database)
    assert len(await read_timeline(rep, first)) == MANY

    assert sorted(event.version for event in await service.take_events(tenant.id)) == [2] * MANY + [3] * MANY


async def test_no_activity_is_left_behind_when_it_is_logged_during_the_merge(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    for _ in range(5):
        published, (first, second) = await open_contacts(service, tenant, 2)
        merged = published.merge(first, into=second)
        body = {"type": "NOTE", "contact_id": str(first)}

        answers = await asyncio.gather(
            *(rep.post(PATH, json=body) for _ in range(10)),
            keep_replicas(merged, service.database),
            *(rep.post(PATH, json=body) for _ in range(10)),
        )

        logged = {answer.json()["id"] for answer in answers if answer is not None and answer.status_code == 201}
        assert {answer.status_code for answer in answers if answer is not None} <= {201, 422}
        assert await read_timeline(rep, second) == logged
