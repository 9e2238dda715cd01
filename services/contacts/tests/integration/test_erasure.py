"""An erased contact is an empty shell: for whoever asks, in every table, and in what is told to others."""

import uuid

import pytest
from services.contacts.tests.integration.erasing_kit import (
    EMPTY,
    MARK,
    PERSON,
    Contacts,
    create,
    erase,
    list_tables_with,
)

from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_an_erased_contact_is_an_empty_deleted_shell(contacts: Contacts, tenant: SeededTenant) -> None:
    admin, rep = contacts.client(tenant.admin), contacts.client(tenant.rep)
    contact = await create(rep)

    answer = await erase(admin, contact["id"])

    state = require_ok(answer)
    assert {name: state[name] for name in EMPTY} == EMPTY
    assert (state["id"], state["version"], state["owner_id"]) == (contact["id"], 2, str(tenant.rep.id))
    assert state["erased_at"] == state["deleted_at"] == state["updated_at"]
    assert state["created_at"] == contact["created_at"]
    assert answer.headers["etag"] == '"2"'
    for client in (admin, rep):
        require_problem(await client.get(f"/v1/contacts/{contact['id']}"), 404, "not-found")
    assert (await admin.get("/v1/contacts", params={"email": PERSON["email"]})).json()["items"] == []


async def test_the_event_tells_the_fields_and_none_of_their_values(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await create(contacts.client(tenant.rep))
    await contacts.take_events(tenant.id)
    state = require_ok(await erase(contacts.client(tenant.admin), contact["id"]))

    (event,) = await contacts.take_events(tenant.id)

    assert (event.type, event.version, event.actor_id) == ("crm.contact.erased", 2, tenant.admin.id)
    assert event.state["erased_at"] == state["erased_at"]
    assert event.changed is not None
    assert set(event.changed) == {*PERSON, "phone_e164", "deleted_at", "erased_at"}
    assert all(change["from"] is None for change in event.changed.values())
    assert MARK not in repr(event).lower()


async def test_no_table_holds_anything_of_the_person(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = require_ok(await admin.post("/v1/contacts", json=PERSON, headers=key), 201)
    require_ok(await admin.patch(f"/v1/contacts/{first['id']}", json={"first_name": f"Other{MARK}"}))
    require_ok(await admin.put(f"/v1/contacts/{first['id']}/tags/more-{MARK}"))
    assert {"contacts", "record_changes", "idempotency_keys"} <= set(
        await list_tables_with(contacts, tenant, MARK, "90182077")
    )

    require_ok(await erase(admin, first["id"]))

    assert await list_tables_with(contacts, tenant, MARK, "90182077", "901 820 77") == {}


async def test_the_audit_keeps_who_when_and_which_field(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(contacts.client(tenant.rep))
    require_ok(await contacts.client(tenant.rep).patch(f"/v1/contacts/{contact['id']}", json={"job_title": "Buyer"}))
    require_ok(await erase(admin, contact["id"]))

    erased, updated, created = require_ok(await admin.get(f"/v1/contacts/{contact['id']}/changes"))["items"]

    assert updated["changes"] == {"job_title": {"from": None, "to": None}}
    assert updated["changed_by"] == str(tenant.rep.id)
    assert (erased["event_type"], erased["changed_by"]) == ("crm.contact.erased", str(tenant.admin.id))
    assert "first_name" in erased["changes"]
    assert created["changes"] is None


async def test_a_repeated_creation_neither_repeats_nor_tells(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    key = {"Idempotency-Key": uuid.uuid4().hex}
    contact = require_ok(await admin.post("/v1/contacts", json=PERSON, headers=key), 201)
    state = require_ok(await erase(admin, contact["id"]))

    again = await admin.post("/v1/contacts", json=PERSON, headers=key)

    assert require_ok(again, 201) == state
    assert again.headers["idempotency-replayed"] == "true"
    assert (await admin.get("/v1/contacts")).json()["items"] == []


async def test_erasing_twice_tells_once(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    first = require_ok(await erase(admin, contact["id"]))
    await contacts.take_events(tenant.id)
    before = await contacts.list_rows("contacts", "record_changes", "erasure_echoes")

    second = await erase(admin, contact["id"])

    assert require_ok(second) == first
    assert second.headers["etag"] == '"2"'
    assert await contacts.take_events(tenant.id) == []
    assert await contacts.list_rows("contacts", "record_changes", "erasure_echoes") == before


async def test_a_deleted_contact_is_erased_and_keeps_its_day(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    assert (await admin.delete(f"/v1/contacts/{contact['id']}")).status_code == 204
    state = require_ok(await erase(admin, contact["id"]))
    assert state["version"] == 3
    assert state["deleted_at"] < state["erased_at"]
    assert {name: state[name] for name in EMPTY} == EMPTY


async def test_if_match_is_held(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    require_problem(await erase(admin, contact["id"], **{"If-Match": '"7"'}), 412, "stale-version")
    require_problem(await erase(admin, contact["id"], **{"If-Match": "seven"}), 400, "malformed-request")
    assert require_ok(await admin.get(f"/v1/contacts/{contact['id']}"))["first_name"] == PERSON["first_name"]
    require_ok(await erase(admin, contact["id"], **{"If-Match": '"1"'}))
    require_problem(await erase(admin, contact["id"], **{"If-Match": '"1"'}), 412, "stale-version")
    require_ok(await erase(admin, contact["id"], **{"If-Match": '"2"'}))


@pytest.mark.parametrize("role", ["manager", "rep", "other_rep"])
async def test_only_an_admin_erases_and_others_learn_nothing_of_the_record(
    contacts: Contacts, tenant: SeededTenant, role: str
) -> None:
    client = contacts.client(getattr(tenant, role))
    contact = await create(contacts.client(tenant.rep))
    for contact_id in (contact["id"], str(uuid.uuid4())):
        require_problem(await erase(client, contact_id), 403, "forbidden")
    assert require_ok(await contacts.client(tenant.rep).get(f"/v1/contacts/{contact['id']}"))["version"] == 1


async def test_what_is_not_there_is_not_found(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    admin = contacts.client(tenant.admin)
    foreign = await create(contacts.client(neighbour.rep))
    for contact_id in (foreign["id"], str(uuid.uuid4()), "no-id"):
        require_problem(await erase(admin, contact_id), 404, "not-found")
    assert require_ok(await contacts.client(neighbour.rep).get(f"/v1/contacts/{foreign['id']}"))["version"] == 1


async def test_a_strangers_same_values_stay(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    neighbours = contacts.client(neighbour.admin)
    kept = require_ok(await neighbours.post("/v1/contacts", json=PERSON, headers=key), 201)
    contact = await create(contacts.client(tenant.rep))
    require_ok(await erase(contacts.client(tenant.admin), contact["id"]))
    assert require_ok(await neighbours.get(f"/v1/contacts/{kept['id']}")) == kept
    assert require_ok(await neighbours.post("/v1/contacts", json=PERSON, headers=key), 201) == kept


async def test_an_erased_contact_takes_nothing_any_more(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = await create(admin)
    require_ok(await erase(admin, contact["id"]))
    path = f"/v1/contacts/{contact['id']}"
    for answer in [
        await admin.patch(path, json={"first_name": "Back"}),
        await admin.delete(path),
        await admin.put(f"{path}/tags/back"),
        await admin.post(f"{path}/shares", json={"user_id": str(tenant.rep.id), "permission": "READ"}),
    ]:
        require_problem(answer, 404, "not-found")
    require_ok(await admin.post("/v1/contacts", json=PERSON), 201)  # its address is free
