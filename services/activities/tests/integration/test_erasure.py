"""A contact is erased elsewhere: what people wrote of them goes from here, and from what is told from here."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from crm_activities.activities.erasure import BATCH_RECORDS, load_snapshots
from crm_activities.consumers import forget_contacts, keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock, new_id
from crm_shared.features.erasure.reannouncing import Reannouncements
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"
MARK = "zzyzx"
TEXTS = {"subject": f"Subject {MARK}", "body": f"Body {MARK}", "external_id": f"mail-{MARK}"}
NO_TEXTS = dict.fromkeys(TEXTS)
TABLES = ("activities", "replica_records", "idempotency_keys")


@pytest.fixture
async def contact(service: Kit, tenant: SeededTenant) -> PublishedRecord:
    """Tell this service of a contact of the REP's."""
    published = PublishedRecord.new("contact", tenant.id, first_name=f"First{MARK}", owner_id=tenant.rep.id)
    await keep_replicas([published.publish()], service.database)
    return published


async def log(kit: Kit, tenant: SeededTenant, contact_id: UUID, **fields: Any) -> dict[str, Any]:
    body = {"type": "NOTE", "contact_id": str(contact_id), **TEXTS, **fields}
    headers = {"Idempotency-Key": uuid4().hex}
    return require_ok(await kit.client(tenant.rep).post(PATH, json=body, headers=headers), 201)


async def erase(kit: Kit, contact: PublishedRecord) -> None:
    event = contact.erase()
    await keep_replicas([event], kit.database)
    await forget_contacts([event], kit.database, SystemClock())


async def read(kit: Kit, tenant: SeededTenant, activity: dict[str, Any]) -> dict[str, Any]:
    return require_ok(await kit.client(tenant.admin).get(f"{PATH}/{activity['id']}"))


async def list_rows_with(kit: Kit, tenant: SeededTenant, text: str) -> list[str]:
    rows = await kit.list_rows(*TABLES)
    hexed = text.encode().hex()  # how a bytea is written
    return [
        line for lines in rows.values() for line in lines if str(tenant.id) in line and (text in line or hexed in line)
    ]


async def test_the_texts_go_and_what_was_done_stays(
    service: Kit, tenant: SeededTenant, contact: PublishedRecord
) -> None:
    call = await log(service, tenant, contact.id, type="CALL", direction="INBOUND", duration_s=90)
    await service.take_events(tenant.id)

    await erase(service, contact)

    erased = await read(service, tenant, call)
    changed = {"version": 2, "updated_at": erased["updated_at"], "erased_at": erased["updated_at"]}
    assert erased == {**call, **NO_TEXTS, **changed}
    (event,) = await service.take_events(tenant.id)
    assert (event.type, event.version, event.actor_id) == ("crm.activity.updated", 2, None)
    assert event.changed is not None
    assert event.changed.keys() == {*TEXTS, "erased_at"}
    assert MARK not in repr(event)
    assert event.is_erasure


async def test_no_table_holds_anything_they_said(service: Kit, tenant: SeededTenant, contact: PublishedRecord) -> None:
    client = service.client(tenant.rep)
    deleted = await log(service, tenant, contact.id, external_id=f"deleted-{MARK}")
    assert (await client.delete(f"{PATH}/{deleted['id']}")).status_code == 204
    await log(service, tenant, contact.id)
    assert len(await list_rows_with(service, tenant, MARK)) == 5  # two activities, their answers, the replica

    await erase(service, contact)

    assert await list_rows_with(service, tenant, MARK) == []


async def test_others_activities_stay(service: Kit, tenant: SeededTenant, contact: PublishedRecord) -> None:
    other = PublishedRecord.new("contact", tenant.id, first_name="Other", owner_id=tenant.rep.id)
    await keep_replicas([other.publish()], service.database)
    kept = await log(service, tenant, other.id, external_id="other")
    await log(service, tenant, contact.id)
    await erase(service, contact)
    assert await read(service, tenant, kept) == kept


async def test_what_followed_a_merge_goes_with_either(
    service: Kit, tenant: SeededTenant, contact: PublishedRecord
) -> None:
    survivor = PublishedRecord.new("contact", tenant.id, first_name="Survivor", owner_id=tenant.rep.id)
    await keep_replicas([survivor.publish()], service.database)
    moved = await log(service, tenant, contact.id)
    merged = contact.change(merged_into=survivor.id, deleted_at=contact.state["updated_at"])
    await keep_replicas([merged], service.database)
    assert (await read(service, tenant, moved))["contact_id"] == str(survivor.id)

    await erase(service, contact)

    erased = await read(service, tenant, moved)
    assert {name: erased[name] for name in NO_TEXTS} == NO_TEXTS
    assert erased["contact_id"] == str(survivor.id)


async def test_the_notes_of_a_deals_moves_stay(service: Kit, tenant: SeededTenant, contact: PublishedRecord) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=contact.id)
    moves = [*deal.create(), *deal.move("Proposal")]
    await note_deal_moves(moves, service.database, SystemClock())
    await erase(service, contact)
    (note,) = await walk_pages(service.client(tenant.admin), PATH)
    assert (note["body"], note["version"]) == ("Deal moved from Qualification to Proposal", 1)


async def test_events_that_come_again_change_nothing(
    service: Kit, tenant: SeededTenant, contact: PublishedRecord
) -> None:
    before = contact.publish()
    await log(service, tenant, contact.id)
    await erase(service, contact)
    await service.take_events(tenant.id)
    rows = await service.list_rows(*TABLES)

    for events in ([before], [contact.publish("erased")], [before, contact.publish("snapshot")]):
        await keep_replicas(events, service.database)
        await forget_contacts(events, service.database, SystemClock())

    assert await service.list_rows(*TABLES) == rows
    assert await service.take_events(tenant.id) == []


async def test_what_was_logged_meanwhile_goes_at_the_second_telling(
    service: Kit, tenant: SeededTenant, contact: PublishedRecord
) -> None:
    erased = contact.erase()
    await forget_contacts([erased], service.database, SystemClock())
    late = await log(service, tenant, contact.id)  # the replica had not heard yet
    await forget_contacts([contact.publish("snapshot")], service.database, SystemClock())
    assert (await read(service, tenant, late))["body"] is None


async def test_an_erased_activity_takes_no_words_and_can_be_deleted(
    service: Kit, tenant: SeededTenant, contact: PublishedRecord
) -> None:
    activity = await log(service, tenant, contact.id)
    await erase(service, contact)
    client, path = service.client(tenant.rep), f"{PATH}/{activity['id']}"
    require_problem(await client.patch(path, json={"body": "Back"}), 409, "erased")
    assert (await client.delete(path)).status_code == 204


async def test_a_repeated_request_gets_the_erased_activity(
    service: Kit, tenant: SeededTenant, contact: PublishedRecord
) -> None:
    client, headers = service.client(tenant.rep), {"Idempotency-Key": uuid4().hex}
    body = {"type": "NOTE", "contact_id": str(contact.id), **TEXTS}
    first = require_ok(await client.post(PATH, json=body, headers=headers), 201)
    await erase(service, contact)
    again = require_ok(await client.post(PATH, json=body, headers=headers), 201)
    assert again == await read(service, tenant, first)


async def test_more_than_a_batch_is_erased_and_told_again(service: Kit, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, first_name="Busy", owner_id=tenant.rep.id)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(
            """
            INSERT INTO activities (tenant_id, id, version, type, contact_id, user_id, body, occurred_at, system,
                                    created_at, updated_at)
            SELECT $1, gen_random_uuid(), 1, 'NOTE', $2, $3, 'words', now(), false, now(), now()
              FROM generate_series(1, $4)
            """,
            tenant.id, contact.id, tenant.rep.id, BATCH_RECORDS + 7,
        )  # fmt: skip
    await erase(service, contact)
    published = await service.take_events(tenant.id)
    assert len({event.aggregate_id for event in published}) == len(published) == BATCH_RECORDS + 7
    assert all(event.state["body"] is None for event in published)

    reannouncements = Reannouncements(service.database, load_snapshots, compaction_lag_s=0)
    while await reannouncements.reannounce_due():
        pass
    assert {event.verb for event in await service.take_events(tenant.id)} == {"snapshot"}


async def test_another_tenants_contact_of_the_same_id_stays(service: Kit, contact: PublishedRecord) -> None:
    neighbour = await service.seed_tenant()
    kept_id = new_id()
    same = PublishedRecord("contact", neighbour.id, {**contact.state, "owner_id": neighbour.rep.id})
    await keep_replicas([same.publish()], service.database)
    kept = await log(service, neighbour, contact.id, external_id=str(kept_id))
    await erase(service, contact)
    assert await read(service, neighbour, kept) == kept
