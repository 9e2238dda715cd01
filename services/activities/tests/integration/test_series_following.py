"""Series when people leave, and when contacts are merged, parted and erased: what is made later follows."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from services.activities.tests.integration.series_stories import PATH, SeriesStory, in_days

from crm_activities import consumers
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant, publish_user
from crm_testing.published_merges import PublishedContacts
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
MARK = "qvxjk"
TABLES = ("activities", "activity_series", "idempotency_keys", "record_changes")


@pytest.fixture
def story(service: Kit, rep: httpx.AsyncClient) -> SeriesStory:
    return SeriesStory.of(service, rep)


async def test_after_a_hand_over_new_instances_are_the_successors(
    story: SeriesStory, service: Kit, tenant: SeededTenant
) -> None:
    before = await story.begin("FREQ=WEEKLY", subject="Weekly")
    done = await story.act(before[0], "complete")
    ended = await story.begin("FREQ=DAILY;COUNT=2")
    left = publish_user(tenant.rep, version=2, by=tenant.admin, active=False, successor_id=tenant.manager.id)
    await consumers.keep_directory([left], service.database)
    for _ in range(2):
        await consumers.hand_over([left], service.database, SystemClock())
    story.client = service.client(tenant.manager)
    await story.make(days_later=30)
    after = await story.read(before[0]["series_id"])
    assert [one["user_id"] for one in after] == [done["user_id"]] + [str(tenant.manager.id)] * (len(after) - 1)
    assert len(after) > len(before)
    assert {one["version"] for one in after[len(before) :]} == {1}  # theirs from the beginning
    assert (await story.load_series(before[0]["series_id"]))["user_id"] == tenant.manager.id
    assert (await story.load_series(ended[0]["series_id"]))["user_id"] == tenant.rep.id


async def test_after_a_merge_new_instances_stand_with_the_survivor_and_go_back(
    story: SeriesStory, service: Kit, tenant: SeededTenant
) -> None:
    contacts = PublishedContacts(tenant.id, tenant.rep.id)
    contact_id, survivor_id = contacts.create(), contacts.create()
    await consumers.keep_replicas(contacts.events, service.database)
    before = await story.begin("FREQ=WEEKLY", contact_id=str(contact_id))
    await consumers.keep_replicas(contacts.merge(contact_id, into=survivor_id), service.database)
    await story.make(days_later=14)
    after = await story.read(before[0]["series_id"])
    assert len(after) > len(before)
    for one in after:
        assert (one["contact_id"], one["original_contact_id"]) == (str(survivor_id), str(contact_id))
    timeline = require_ok(await story.client.get(f"/v1/timelines/contacts/{survivor_id}", params={"limit": 200}))
    assert {one["id"] for one in timeline["items"]} == {one["id"] for one in after}

    await consumers.keep_replicas(contacts.part(contact_id), service.database)
    await story.make(days_later=14)
    for one in await story.read(before[0]["series_id"]):
        assert (one["contact_id"], one["original_contact_id"]) == (str(contact_id), None)


@pytest.mark.parametrize("is_merged", [False, True], ids=["the contact", "whom it lives on in"])
async def test_nothing_is_made_of_what_was_said_of_an_erased_contact(
    story: SeriesStory, service: Kit, tenant: SeededTenant, *, is_merged: bool
) -> None:
    contacts = PublishedContacts(tenant.id, tenant.rep.id)
    contact_id, erased_id, other_id = contacts.create(), contacts.create(), contacts.create()
    await consumers.keep_replicas(contacts.events, service.database)
    body: dict[str, Any] = {
        "type": "MEETING",
        "subject": f"About {MARK}",
        "location": f"At {MARK}",
        "contact_id": str(contact_id),
        "scheduled_at": in_days(1),
        "recurrence": {"rrule": "FREQ=WEEKLY", "time_zone": "UTC"},
    }
    headers = {"Idempotency-Key": uuid4().hex}
    first = require_ok(await story.client.post(PATH, json=body, headers=headers), 201)
    kept = await story.log("FREQ=WEEKLY", subject="Of nobody", contact_id=str(other_id))
    await story.make()
    if is_merged:
        await consumers.keep_replicas(contacts.merge(contact_id, into=erased_id), service.database)
    event = contacts.contacts[erased_id if is_merged else contact_id].erase()
    await consumers.keep_replicas([event], service.database)
    await consumers.forget_contacts([event], service.database, SystemClock())
    count = len(await story.read(first["series_id"]))
    await story.make(days_later=30)
    shells = await story.read(first["series_id"])
    assert len(shells) == count
    assert {(one["subject"], one["location"]) for one in shells} == {(None, None)}
    rows = await service.list_rows(*TABLES)
    assert [line for lines in rows.values() for line in lines if MARK in line or MARK.encode().hex() in line] == []
    assert len(await story.read(kept["series_id"])) > count


async def test_a_template_is_kept_as_long_as_it_is_copied(story: SeriesStory) -> None:
    (first, *_) = await story.begin("FREQ=DAILY;COUNT=3", subject="About the plant")
    series = await story.load_series(first["series_id"])
    assert (series["due_at"], series["template"], series["made"]) == (None, None, 3)
