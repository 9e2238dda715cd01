"""Shares of a contact: giving, changing, listing and taking them away."""

from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import Person, SeededTenant, make_person, seed_people
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]


async def make_contact(contacts: Contacts, owner: Person) -> dict[str, Any]:
    answer = await contacts.client(owner).post("/v1/contacts", json={"first_name": "Zoë"})
    return require_ok(answer, 201)


async def share(
    contacts: Contacts, by: Person, contact_id: str, user: Person, permission: str = "READ", **headers: str
) -> httpx.Response:
    return await contacts.client(by).post(
        f"/v1/contacts/{contact_id}/shares",
        json={"user_id": str(user.id), "permission": permission},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


async def test_a_share_is_made_changed_repeated_and_taken_away(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await make_contact(contacts, tenant.rep)
    path = f"/v1/contacts/{contact['id']}/shares"
    await contacts.take_events(tenant.id)

    made = await share(contacts, tenant.rep, contact["id"], tenant.other_rep)
    first = require_ok(made, 201)
    assert (first["contact_id"], first["user_id"]) == (contact["id"], str(tenant.other_rep.id))
    assert (first["permission"], first["full_name"]) == ("READ", "Otto Other")
    assert first["created_by"] == str(tenant.rep.id)
    assert made.headers["ETag"] == '"2"'
    assert made.headers["Crm-Position"]
    assert made.headers["Location"] == f"{path}/{tenant.other_rep.id}"
    assert require_ok(await contacts.client(tenant.rep).get(made.headers["Location"])) == first

    changed = await share(contacts, tenant.rep, contact["id"], tenant.other_rep, "WRITE")
    assert require_ok(changed, 200) == {**first, "permission": "WRITE"}
    assert changed.headers["ETag"] == '"3"'

    again = await share(contacts, tenant.rep, contact["id"], tenant.other_rep, "WRITE")
    assert require_ok(again, 200) == {**first, "permission": "WRITE"}
    assert again.headers["ETag"] == '"3"'

    gone = await contacts.client(tenant.rep).delete(f"{path}/{tenant.other_rep.id}")
    assert gone.status_code == 204
    assert gone.headers["Crm-Position"]
    require_problem(await contacts.client(tenant.rep).delete(f"{path}/{tenant.other_rep.id}"), 404, "not-found")
    require_problem(await contacts.client(tenant.rep).get(f"{path}/{tenant.other_rep.id}"), 404, "not-found")

    published = await contacts.take_events(tenant.id)
    assert [(event.type, event.version) for event in published] == [
        ("crm.contact.shared", 2),
        ("crm.contact.shared", 3),
        ("crm.contact.unshared", 4),
    ]
    assert [[s["permission"] for s in event.state["shares"]] for event in published] == [["READ"], ["WRITE"], []]
    assert published[0].state["first_name"] == "Zoë"


async def test_shares_are_listed_newest_first_page_by_page_to_whoever_sees_the_contact(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    contact = await make_contact(contacts, tenant.rep)
    people = [make_person(tenant.id, f"Colleague {n}", tenant.rep.role) for n in range(5)]
    await seed_people(contacts.database, people)
    for person in people:
        require_ok(await share(contacts, tenant.manager, contact["id"], person), 201)

    for viewer in (tenant.admin, tenant.manager, tenant.rep, people[2]):
        found = await walk_pages(contacts.client(viewer), f"/v1/contacts/{contact['id']}/shares", limit=2)
        assert [one["full_name"] for one in found] == [f"Colleague {n}" for n in reversed(range(5))]
    answer = await contacts.client(tenant.other_rep).get(f"/v1/contacts/{contact['id']}/shares")
    require_problem(answer, 404, "not-found")


async def test_whom_a_contact_can_not_be_shared_with(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    contact = await make_contact(contacts, tenant.rep)
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_users SET active = false WHERE id = $1", tenant.other_rep.id)
    stranger = make_person(tenant.id, "Nobody", tenant.rep.role)

    for unknown in (tenant.other_rep, neighbour.rep, stranger):
        problem = require_problem(await share(contacts, tenant.rep, contact["id"], unknown), 422, "unknown-reference")
        assert [error["pointer"] for error in problem["errors"]] == ["/user_id"]
    for by, user in ((tenant.rep, tenant.rep), (tenant.manager, tenant.rep), (tenant.manager, tenant.manager)):
        problem = require_problem(await share(contacts, by, contact["id"], user), 422, "invalid-field")
        assert [error["pointer"] for error in problem["errors"]] == ["/user_id"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"permission": "READ"}, "/user_id"),
        ({"user_id": str(new_id())}, "/permission"),
        ({"user_id": str(new_id()), "permission": "OWN"}, "/permission"),
        ({"user_id": "me", "permission": "READ"}, "/user_id"),
        ({"user_id": str(new_id()), "permission": "READ", "until": "2027-01-01"}, "/until"),
    ],
)
async def test_a_bad_body_names_its_field(
    contacts: Contacts, tenant: SeededTenant, body: dict[str, Any], pointer: str
) -> None:
    contact = await make_contact(contacts, tenant.rep)
    answer = await contacts.client(tenant.rep).post(f"/v1/contacts/{contact['id']}/shares", json=body)

    assert [error["pointer"] for error in require_problem(answer, 422)["errors"]] == [pointer]


async def test_if_match_and_idempotency_key_are_honoured(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await make_contact(contacts, tenant.rep)
    path = f"/v1/contacts/{contact['id']}/shares/{tenant.other_rep.id}"

    stale = await share(contacts, tenant.rep, contact["id"], tenant.other_rep, If_Match='"7"')
    require_problem(stale, 412, "stale-version")
    first = await share(
        contacts, tenant.rep, contact["id"], tenant.other_rep, If_Match='"1"', Idempotency_Key="share-once"
    )
    require_ok(first, 201)
    replayed = await share(
        contacts, tenant.rep, contact["id"], tenant.other_rep, If_Match='"1"', Idempotency_Key="share-once"
    )
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert (replayed.status_code, replayed.json()) == (201, first.json())
    refused = await contacts.client(tenant.rep).delete(path, headers={"If-Match": '"1"'})
    require_problem(refused, 412, "stale-version")
    assert (await contacts.client(tenant.rep).delete(path, headers={"If-Match": '"2"'})).status_code == 204


async def test_whoever_becomes_the_owner_needs_no_share_and_keeps_none(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    contact = await make_contact(contacts, tenant.rep)
    require_ok(await share(contacts, tenant.rep, contact["id"], tenant.other_rep), 201)
    admin = contacts.client(tenant.admin)

    given = await admin.patch(f"/v1/contacts/{contact['id']}", json={"owner_id": str(tenant.other_rep.id)})
    assert require_ok(given)["shares"] == []
    gone = await contacts.client(tenant.other_rep).delete(f"/v1/contacts/{contact['id']}")
    assert gone.status_code == 204


async def test_a_deleted_contact_is_shared_with_nobody(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await make_contact(contacts, tenant.rep)
    require_ok(await share(contacts, tenant.rep, contact["id"], tenant.other_rep, "WRITE"), 201)
    assert (await contacts.client(tenant.rep).delete(f"/v1/contacts/{contact['id']}")).status_code == 204

    client = contacts.client(tenant.other_rep)
    require_problem(await client.get(f"/v1/contacts/{contact['id']}"), 404, "not-found")
    assert await walk_pages(client, "/v1/contacts") == []
    async with contacts.database.read_as_worker() as connection:
        assert await connection.fetch("SELECT FROM contact_shares WHERE contact_id = $1", contact["id"]) == []


async def test_a_deactivated_users_share_waits_for_their_return(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await make_contact(contacts, tenant.rep)
    require_ok(await share(contacts, tenant.rep, contact["id"], tenant.other_rep), 201)
    admin, path = contacts.client(tenant.admin), f"/v1/users/{tenant.other_rep.id}"
    client = contacts.client(tenant.other_rep)

    require_ok(await admin.patch(path, json={"active": False}))
    require_problem(await client.get(f"/v1/contacts/{contact['id']}"), 401)
    require_ok(await admin.patch(path, json={"active": True}))
    require_ok(await client.get(f"/v1/contacts/{contact['id']}"))
