"""Erasure beside merges, imports, the outbox and whatever runs at the same time."""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from services.contacts.tests.integration.erasing_kit import (
    EMPTY,
    MARK,
    PERSON,
    Contacts,
    create,
    erase,
    list_tables_with,
    merge,
)
from services.contacts.tests.integration.importing import list_errors, run_import

from crm_contacts.contacts import events as contact_events
from crm_contacts.erasure.commands import load_snapshots
from crm_shared.backpressure import Backpressure
from crm_shared.features.erasure import reannouncing as reannouncements
from crm_shared.features.erasure.reannouncing import TIMES, Reannouncements, reannouncing
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_what_was_erased_is_told_again_once_it_is_due(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    await erase(admin, contact["id"])
    await contacts.take_events(tenant.id)
    assert await Reannouncements(contacts.database, load_snapshots, compaction_lag_s=3600).reannounce_due() == 0

    again = Reannouncements(contacts.database, load_snapshots, compaction_lag_s=0)
    while await again.reannounce_due():
        pass

    published = await contacts.take_events(tenant.id)
    assert [(echo.type, echo.version, echo.state["id"]) for echo in published] == [
        ("crm.contact.snapshot", 2, contact["id"])
    ] * TIMES
    assert all(echo.is_erasure for echo in published)
    assert await again.reannounce_due() == 0


@dataclass(frozen=True, slots=True)
class WatchedBackpressure(Backpressure):
    """Looks, instead of waiting, at how far things have gone."""

    look: Callable[[], Awaitable[None]]

    async def wait(self) -> None:
        await self.look()


async def test_each_batch_that_is_told_again_waits_for_the_readers_of_the_one_before(
    contacts: Contacts, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reannouncements, "BATCH_RECORDS", 1)
    admin = contacts.client(tenant.admin)
    for number in range(3):
        await erase(admin, (await create(admin, email=f"p{number}@person.example", external_id=f"p{number}"))["id"])
    await contacts.take_events(tenant.id)
    published, done = [0], asyncio.Event()

    async def look() -> None:
        published.append(published[-1] + len(await contacts.take_events(tenant.id)))
        if published[-1] == 3 * TIMES:
            done.set()

    backpressure = WatchedBackpressure(
        contacts.database, readers=None, most_unsent=0, most_behind=0, poll_s=0, look=look
    )
    settings = contacts.settings.model_copy(update={"compaction_lag_s": 0})
    async with reannouncing(contacts.database, settings, load_snapshots, backpressure), asyncio.timeout(60):
        await done.wait()
    assert {after - before for before, after in itertools.pairwise(published)} <= {0, 1}


async def test_what_still_waits_in_the_outbox_by_then_is_dropped(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    other = await create(admin, email="other@person.example", external_id="other")
    await erase(admin, contact["id"])

    again = Reannouncements(contacts.database, load_snapshots, compaction_lag_s=0)
    while await again.reannounce_due():
        pass

    published = [(event.aggregate_id, event.verb) for event in await contacts.take_events(tenant.id)]
    erased_id = uuid.UUID(contact["id"])
    published_again = [(erased_id, "snapshot")] * TIMES
    assert published == [(uuid.UUID(other["id"]), "created"), (erased_id, "erased"), *published_again]


async def test_a_field_that_is_added_to_contacts_is_emptied_or_said_to_stay() -> None:
    """Whoever adds a field decides here what an erasure does to it."""
    kept = {"id", "version", "owner_id", "merged_into", "created_at", "updated_at", "deleted_at", "erased_at"}
    assert set(contact_events.STATE_FIELDS) == {*EMPTY, *kept}


@pytest.mark.parametrize("asked", ["survivor", "other", "first"])
async def test_who_was_merged_is_one_person_and_goes_whole(
    contacts: Contacts, tenant: SeededTenant, asked: str
) -> None:
    """First into other, other into survivor: whichever is asked for, all three go, and no undo brings one back."""
    admin = contacts.client(tenant.admin)
    ids = {
        name: (await create(admin, email=f"{name}.{MARK}@person.example", external_id=f"{name}-{MARK}"))["id"]
        for name in ("first", "other", "survivor")
    }
    bystander = await create(admin, email="stays@else.example", external_id="stays", first_name="Stays")
    first_merge = await merge(admin, ids["other"], ids["first"])
    last_merge = await merge(admin, ids["survivor"], ids["other"])
    await contacts.take_events(tenant.id)

    state = require_ok(await erase(admin, ids[asked]))

    assert state["id"] == ids[asked]
    published = await contacts.take_events(tenant.id)
    assert sorted((str(event.aggregate_id), event.verb) for event in published) == sorted(
        (one, "erased") for one in ids.values()
    )
    merged_into = {str(event.aggregate_id): event.state["merged_into"] for event in published}
    assert merged_into == {ids["first"]: ids["other"], ids["other"]: ids["survivor"], ids["survivor"]: None}
    assert MARK not in repr(published)
    left = await list_tables_with(contacts, tenant, MARK)
    assert [line for lines in left.values() for line in lines if bystander["id"] not in line] == []
    for merge_id in (last_merge, first_merge):
        answer = await admin.post(f"/v1/merges/{merge_id}/undo")
        assert answer.status_code == 409, answer.text
    assert await contacts.take_events(tenant.id) == []


async def test_a_merge_that_was_undone_leaves_nothing_in_the_others_audit(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    admin = contacts.client(tenant.admin)
    kept = require_ok(await admin.post("/v1/contacts", json={"last_name": "Kept"}), 201)
    gone = await create(admin)
    merge_id = await merge(admin, kept["id"], gone["id"])
    require_ok(await admin.post(f"/v1/merges/{merge_id}/undo"))
    assert await list_tables_with(contacts, tenant, MARK) != {}

    require_ok(await erase(admin, gone["id"]))

    assert await list_tables_with(contacts, tenant, MARK) == {}
    left = require_ok(await admin.get(f"/v1/contacts/{kept['id']}"))
    assert (left["last_name"], left["first_name"]) == ("Kept", None)


async def test_an_erased_contact_is_not_restored_and_not_merged(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact, other = await create(admin), require_ok(await admin.post("/v1/contacts", json={"last_name": "Other"}), 201)
    require_ok(await erase(admin, contact["id"]))
    require_problem(await admin.post(f"/v1/contacts/{contact['id']}/restore"), 404, "not-found")
    body = {"other_id": contact["id"]}
    require_problem(await admin.post(f"/v1/contacts/{other['id']}/merge", json=body), 422, "unknown-reference")


async def test_whatever_runs_at_the_same_time_nothing_is_left(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    for number in range(8):
        contact = await create(admin, external_id=None, email=f"{number}.{MARK}@person.example")
        other = require_ok(await admin.post("/v1/contacts", json={"last_name": "Other"}), 201)
        path = f"/v1/contacts/{contact['id']}"
        answers = await asyncio.gather(
            admin.patch(path, json={"first_name": f"Later{MARK}"}),
            erase(admin, contact["id"]),
            admin.post(f"/v1/contacts/{other['id']}/merge", json={"other_id": contact["id"]}),
            admin.put(f"{path}/tags/late-{MARK}"),
            erase(admin, contact["id"]),
            admin.patch(path, json={"job_title": f"Late{MARK}"}),
        )
        assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
        assert require_ok(answers[1])["erased_at"]
    assert await list_tables_with(contacts, tenant, MARK) == {}


async def test_what_imports_keep_of_the_person_goes(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    rows = [
        "email,job_title,source",
        f"{PERSON['email']},Imported{MARK},INBOUND",
        f"{PERSON['email']},Broken{MARK},NONSENSE",
        "other@else.example,Stays,NONSENSE",
    ]
    for dry_run in ("true", "false"):
        job = await run_import(
            contacts, tenant.admin, "\n".join(rows), mode="upsert", id_property="email", dry_run=dry_run
        )
        assert job["status"] == "COMPLETED", job
    assert {"imports", "import_errors"} <= set(await list_tables_with(contacts, tenant, MARK))

    require_ok(await erase(admin, contact["id"]))

    assert await list_tables_with(contacts, tenant, MARK) == {}
    assert [line for line in await list_errors(contacts, tenant.admin, job["id"]) if "Stays" in line] != []
