"""A user who leaves hands over contacts, companies and shares: all, once, by events, whatever happens meanwhile."""

import asyncio
from typing import Any

import pytest

from crm_contacts import consumers
from crm_contacts.settings import ContactsSettings
from crm_shared.clock import SystemClock, new_id
from crm_shared.contracts import Event
from crm_shared.features.handover import following, handing_over_leavers
from crm_shared.features.handover.following import hand_over_due
from crm_shared.features.handover.leavers import list_due, lock_users
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
Json = dict[str, Any]
CLOCK = SystemClock()


async def leave(contacts: Contacts, tenant: SeededTenant, leaver: Person, successor: Person | None) -> Event:
    """Deactivate, as the ADMIN, and give the event that tells of it."""
    body = {"active": False, "successor_id": None if successor is None else str(successor.id)}
    require_ok(await contacts.client(tenant.admin).patch(f"/v1/users/{leaver.id}", json=body))
    published = [event for event in await contacts.take_events(tenant.id) if event.aggregate == "user"]
    return published[-1]


async def own(contacts: Contacts, person: Person, *, contact_count: int = 3) -> None:
    client = contacts.client(person)
    require_ok(await client.post("/v1/companies", json={"name": f"{person.full_name}'s"}), 201)
    for number in range(contact_count):
        require_ok(await client.post("/v1/contacts", json={"first_name": f"Zoë {number}"}), 201)


async def list_owned(contacts: Contacts, tenant: SeededTenant, person: Person) -> list[Json]:
    admin = contacts.client(tenant.admin)
    found = await walk_pages(admin, "/v1/contacts", owner_id=str(person.id), sort="created_at")
    return found + await walk_pages(admin, "/v1/companies", owner_id=str(person.id))


async def follow(contacts: Contacts, *events: Event) -> None:
    await consumers.hand_over(list(events), contacts.database, CLOCK)


async def test_all_goes_to_the_successor_and_every_change_is_told(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    for person in (tenant.rep, tenant.other_rep, neighbour.rep):
        await own(contacts, person)
    before = await list_owned(contacts, tenant, tenant.rep)
    elsewhere = await list_owned(contacts, neighbour, neighbour.rep)

    left = await leave(contacts, tenant, tenant.rep, tenant.other_rep)
    assert left.state["successor_id"] == str(tenant.other_rep.id)
    await follow(contacts, left)

    assert await list_owned(contacts, tenant, tenant.rep) == []
    now_theirs = {record["id"]: record for record in await list_owned(contacts, tenant, tenant.other_rep)}
    assert len(now_theirs) == 8
    assert await list_owned(contacts, neighbour, neighbour.rep) == elsewhere
    published = await contacts.take_events(tenant.id)
    assert {str(event.aggregate_id) for event in published} == {record["id"] for record in before}
    for event in published:
        assert event.verb == "updated"
        assert event.changed == {"owner_id": {"from": str(tenant.rep.id), "to": str(tenant.other_rep.id)}}
        assert event.actor_id == tenant.admin.id
        assert event.state == now_theirs[str(event.aggregate_id)]
    for record in before:
        assert now_theirs[record["id"]]["version"] == record["version"] + 1

    await follow(contacts, left)
    await hand_over_due(contacts.database, consumers.ALL_OWNED, CLOCK)
    assert await contacts.take_events(tenant.id) == []


async def test_without_a_successor_all_stays_until_there_is_one(contacts: Contacts, tenant: SeededTenant) -> None:
    await own(contacts, tenant.rep)
    left = await leave(contacts, tenant, tenant.rep, None)
    await follow(contacts, left)
    assert len(await list_owned(contacts, tenant, tenant.rep)) == 4

    later = await leave(contacts, tenant, tenant.rep, tenant.manager)
    await follow(contacts, left, later)

    assert later.verb == "updated"
    assert len(await list_owned(contacts, tenant, tenant.manager)) == 4


async def test_a_successor_who_leaves_too_passes_all_on(contacts: Contacts, tenant: SeededTenant) -> None:
    await own(contacts, tenant.rep)
    first = await leave(contacts, tenant, tenant.rep, tenant.other_rep)
    second = await leave(contacts, tenant, tenant.other_rep, tenant.manager)

    await follow(contacts, first)

    assert len(await list_owned(contacts, tenant, tenant.manager)) == 4
    await own(contacts, tenant.manager, contact_count=1)
    third = await leave(contacts, tenant, tenant.manager, tenant.admin)
    await follow(contacts, second, third)
    assert len(await list_owned(contacts, tenant, tenant.admin)) == 6


async def test_who_comes_back_loses_nothing_more(contacts: Contacts, tenant: SeededTenant) -> None:
    await own(contacts, tenant.rep)
    left = await leave(contacts, tenant, tenant.rep, tenant.other_rep)
    (due,) = await list_due(contacts.database, consumers.ALL_OWNED[0], [tenant.id])
    back = require_ok(await contacts.client(tenant.admin).patch(f"/v1/users/{tenant.rep.id}", json={"active": True}))
    assert back["successor_id"] is None

    await follow(contacts, left)

    assert len(await list_owned(contacts, tenant, tenant.rep)) == 4
    async with contacts.database.begin_as_worker() as transaction:  # a batch that was decided on before
        assert not await lock_users(transaction, due)


async def test_a_return_waits_for_the_batch_under_way(contacts: Contacts, tenant: SeededTenant) -> None:
    await own(contacts, tenant.rep)
    await leave(contacts, tenant, tenant.rep, tenant.other_rep)
    (due,) = await list_due(contacts.database, consumers.ALL_OWNED[0], [tenant.id])
    admin = contacts.client(tenant.admin)
    async with contacts.database.begin_as_worker() as transaction:
        assert await lock_users(transaction, due)
        returning = asyncio.create_task(admin.patch(f"/v1/users/{tenant.rep.id}", json={"active": True}))
        await asyncio.sleep(0.2)
        assert not returning.done()
        assert await consumers.ALL_OWNED[0].give(transaction, due, CLOCK.now()) == 3
    require_ok(await returning)


async def test_a_leaver_is_given_on_in_batches_and_beside_locked_records(
    contacts: Contacts, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_contacts.handover.contacts.BATCH_RECORDS", 2)
    await own(contacts, tenant.rep, contact_count=5)
    left = await leave(contacts, tenant, tenant.rep, tenant.other_rep)
    locked = (await list_owned(contacts, tenant, tenant.rep))[0]["id"]
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute("SELECT FROM contacts WHERE tenant_id = $1 AND id = $2 FOR UPDATE", tenant.id, locked)
        following_it = asyncio.create_task(follow(contacts, left))

        async def is_alone() -> bool:
            return [record["id"] for record in await list_owned(contacts, tenant, tenant.rep)] == [locked]

        await wait_until(is_alone)
        assert not following_it.done()
    await following_it

    assert len(await list_owned(contacts, tenant, tenant.other_rep)) == 6


async def test_what_is_left_for_later_is_swept(
    contacts: Contacts, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_contacts.handover.contacts.BATCH_RECORDS", 2)
    monkeypatch.setattr(following, "GIVING_WITHIN_S", 0.0)
    await own(contacts, tenant.rep, contact_count=5)
    gone = (await list_owned(contacts, tenant, tenant.rep))[0]["id"]
    admin = contacts.client(tenant.admin)
    require_ok(await admin.post("/v1/contacts", json={"first_name": "Kept"}), 201)

    await follow(contacts, await leave(contacts, tenant, tenant.rep, tenant.other_rep))

    assert 0 < len(await list_owned(contacts, tenant, tenant.rep)) < 6  # as after a kill
    async with handing_over_leavers(contacts.database, consumers.ALL_OWNED, CLOCK, pause_s=0.05):

        async def has_nothing() -> bool:
            return await list_owned(contacts, tenant, tenant.rep) == []

        await wait_until(has_nothing)
        # A request that had found the owner active, and commits only now.
        async with contacts.database.begin_as_worker() as transaction:
            await transaction.execute(
                "UPDATE contacts SET owner_id = $3 WHERE tenant_id = $1 AND id = $2", tenant.id, gone, tenant.rep.id
            )
        await wait_until(has_nothing)
    assert {event.actor_id for event in await contacts.take_events(tenant.id)} == {tenant.admin.id}


async def test_what_comes_back_later_is_swept_too(contacts: Contacts, tenant: SeededTenant) -> None:
    await own(contacts, tenant.rep, contact_count=1)
    admin = contacts.client(tenant.admin)
    contact, company = await list_owned(contacts, tenant, tenant.rep)
    paths = [f"/v1/contacts/{contact['id']}", f"/v1/companies/{company['id']}"]
    for path in paths:
        assert (await admin.delete(path)).status_code == 204
    await follow(contacts, await leave(contacts, tenant, tenant.rep, tenant.other_rep))

    for path in paths:
        restored = require_ok(await admin.post(f"{path}/restore"))
        assert restored["owner_id"] == str(tenant.rep.id)  # deleted ones stay whose they were
    assert await hand_over_due(contacts.database, consumers.ALL_OWNED, CLOCK) >= 2

    assert {require_ok(await admin.get(path))["owner_id"] for path in paths} == {str(tenant.other_rep.id)}


async def test_shares_of_who_left_end(contacts: Contacts, tenant: SeededTenant) -> None:
    owner, admin = contacts.client(tenant.other_rep), contacts.client(tenant.admin)
    shared = require_ok(await owner.post("/v1/contacts", json={"first_name": "Shared"}), 201)
    path = f"/v1/contacts/{shared['id']}"
    for person in (tenant.rep, tenant.manager):
        require_ok(await owner.post(f"{path}/shares", json={"user_id": str(person.id), "permission": "WRITE"}), 201)
    before = require_ok(await owner.get(path))

    await follow(contacts, await leave(contacts, tenant, tenant.rep, tenant.manager))

    after = require_ok(await owner.get(path))
    assert [share["user_id"] for share in after["shares"]] == [str(tenant.manager.id)]
    (event,) = await contacts.take_events(tenant.id)
    assert (event.type, event.version) == ("crm.contact.unshared", before["version"] + 1)
    assert event.state == after

    await follow(contacts, await leave(contacts, tenant, tenant.other_rep, tenant.manager))
    now_theirs = require_ok(await admin.get(path))
    assert (now_theirs["owner_id"], now_theirs["shares"]) == (str(tenant.manager.id), [])


async def test_a_successor_is_another_active_user_of_the_tenant(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    admin, path = contacts.client(tenant.admin), f"/v1/users/{tenant.rep.id}"

    async def name(successor_id: object, **more: bool) -> Any:
        return await admin.patch(path, json={"successor_id": str(successor_id), **more})

    require_problem(await name(tenant.manager.id), 422, "invalid-field", "/successor_id")  # they stay
    require_problem(await name(tenant.rep.id, active=False), 422, "invalid-field", "/successor_id")
    require_problem(await name("mia", active=False), 422, "invalid-field", "/successor_id")
    await leave(contacts, tenant, tenant.other_rep, None)
    for nobody in (new_id(), neighbour.manager.id, tenant.other_rep.id):
        require_problem(await name(nobody, active=False), 422, "unknown-reference", "/successor_id")
    require_ok(await name(tenant.manager.id, active=False))
    require_problem(await name(tenant.admin.id, active=True), 422, "invalid-field", "/successor_id")
    cleared = require_ok(await admin.patch(path, json={"successor_id": None}))
    assert (cleared["active"], cleared["successor_id"]) == (False, None)
    body = {"email": "zoe@acme.example", "full_name": "Zoë", "successor_id": str(tenant.admin.id)}
    require_problem(await admin.post("/v1/users", json=body), 422, "invalid-field", "/successor_id")
