"""Contacts through the API: what a client may do with one, and what it hears when it asks for something odd."""

from typing import Any

import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.clock import new_id
from crm_shared.contracts.states import ContactState
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_empty
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]


async def test_a_contact_is_created_whole(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    facts = {
        "first_name": "Zoë",
        "last_name": "Okonkwo",
        "email": "Zoe.Okonkwo@ACME.example",
        "phone": "030 901820",
        "company_id": company["id"],
        "job_title": "Head of Purchasing",
        "source": "REFERRAL",
        "tags": ["board", "decision-maker", "board"],
        "external_id": "sf-0031",
    }

    answer = await client.post("/v1/contacts", json=facts)

    contact = require_ok(answer, 201)
    ContactState.model_validate(contact, extra="forbid")
    assert contact == make_empty("contact") | facts | {
        "id": contact["id"],
        "version": 1,
        "email": "Zoe.Okonkwo@acme.example",
        "phone_e164": "+4930901820",
        "tags": ["board", "decision-maker"],
        "owner_id": str(tenant.rep.id),
        "created_at": contact["created_at"],
        "updated_at": contact["created_at"],
    }
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/v1/contacts/{contact['id']}"
    assert answer.headers["crm-position"]
    read = await client.get(f"/v1/contacts/{contact['id']}")
    assert read.json() == contact
    assert read.headers["etag"] == '"1"'


async def test_every_write_is_told_with_the_whole_state(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    created = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    path = f"/v1/contacts/{created['id']}"
    edited = require_ok(await client.patch(path, json={"job_title": "Buyer"}))
    tagged = require_ok(await client.put(f"{path}/tags/vip"))
    assert (await client.delete(f"{path}/tags/vip")).status_code == 204
    untagged = require_ok(await client.get(path))
    assert (await client.delete(path)).status_code == 204

    events = await contacts.take_events(tenant.id)

    assert [(event.verb, event.version) for event in events] == [
        ("created", 1),
        ("updated", 2),
        ("updated", 3),
        ("updated", 4),
        ("deleted", 5),
    ]
    assert [event.state for event in events[:4]] == [created, edited, tagged, untagged]
    assert events[0].changed is None
    assert events[1].changed == {"job_title": {"from": None, "to": "Buyer"}}
    assert events[2].changed == {"tags": {"from": [], "to": ["vip"]}}
    assert set(events[4].changed or {}) == {"deleted_at"}
    assert {event.actor_id for event in events} == {tenant.rep.id}


async def test_a_patch_sets_what_it_names_and_nothing_else(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë", "phone": "030 901820"}), 201)
    path = f"/v1/contacts/{contact['id']}"

    edited = require_ok(await client.patch(path, json={"phone": "+1 415 555 2671", "tags": ["vip"]}))

    assert (edited["phone"], edited["phone_e164"], edited["tags"]) == ("+1 415 555 2671", "+14155552671", ["vip"])
    assert edited["first_name"] == "Zoë"
    cleared = require_ok(await client.patch(path, json={"phone": None}))
    assert (cleared["phone"], cleared["phone_e164"]) == (None, None)
    idle = await client.patch(path, json={"first_name": "Zoë", "tags": ["vip"], "custom_data": {}})
    assert require_ok(idle) == cleared
    require_problem(await client.patch(path, json={"first_name": None}), 422, "invalid-field",
                    "/first_name", "/last_name", "/email", "/phone")  # fmt: skip


async def test_versions_guard_every_write(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    path = f"/v1/contacts/{contact['id']}"
    stale = {"If-Match": '"7"'}

    for answer in (
        await client.patch(path, json={"job_title": "x"}, headers=stale),
        await client.delete(path, headers=stale),
        await client.put(f"{path}/tags/vip", headers=stale),
        await client.delete(f"{path}/tags/vip", headers=stale),
    ):
        assert require_problem(answer, 412, "stale-version")["current_version"] == 1
    require_problem(await client.patch(path, json={}, headers={"If-Match": "7"}), 400)
    require_ok(await client.patch(path, json={"job_title": "x"}, headers={"If-Match": '"1"'}))


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/first_name", "/last_name", "/email", "/phone"]),
        ({"first_name": ""}, ["/first_name"]),
        ({"first_name": "  "}, ["/first_name"]),
        ({"first_name": "x" * 256}, ["/first_name"]),
        ({"first_name": 7}, ["/first_name"]),
        ({"email": "zoe"}, ["/email"]),
        ({"email": "a" * 400 + "@acme.example"}, ["/email"]),
        ({"phone": "call me"}, ["/phone"]),
        ({"first_name": "Zoë", "source": "FRIEND"}, ["/source"]),
        ({"first_name": "Zoë", "tags": "vip"}, ["/tags"]),
        ({"first_name": "Zoë", "tags": ["", "x"]}, ["/tags/0"]),
        ({"first_name": "Zoë", "tags": [str(n) for n in range(101)]}, ["/tags"]),
        ({"first_name": "Zoë", "company_id": "acme"}, ["/company_id"]),
        ({"first_name": "Zoë", "nickname": "Z"}, ["/nickname"]),
        ({"first_name": "Zoë", "phone_e164": "+49301"}, ["/phone_e164"]),
        ({"first_name": "Zo\u0000"}, ["/first_name"]),
        ({"email": "zoe", "phone": "x"}, ["/email", "/phone"]),
    ],
)
async def test_a_wrong_field_is_named(
    contacts: Contacts, tenant: SeededTenant, body: dict[str, Any], pointers: list[str]
) -> None:
    client = contacts.client(tenant.rep)

    require_problem(await client.post("/v1/contacts", json=body), 422, "invalid-field", *pointers)

    assert await contacts.take_events(tenant.id) == []


async def test_references_must_be_there_and_in_sight(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    client, admin = contacts.client(tenant.rep), contacts.client(tenant.admin)
    other = contacts.client(tenant.other_rep)
    hidden = require_ok(await other.post("/v1/companies", json={"name": "Hidden"}), 201)
    abroad = require_ok(await contacts.client(neighbour.admin).post("/v1/companies", json={"name": "Abroad"}), 201)
    gone = require_ok(await client.post("/v1/companies", json={"name": "Gone"}), 201)
    await client.delete(f"/v1/companies/{gone['id']}")
    require_ok(await admin.patch(f"/v1/users/{tenant.other_rep.id}", json={"active": False}))
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    path = f"/v1/contacts/{contact['id']}"

    for company_id in (hidden["id"], abroad["id"], gone["id"], str(new_id())):
        body = {"first_name": "Zoë", "company_id": company_id}
        require_problem(await client.post("/v1/contacts", json=body), 422, "unknown-reference", "/company_id")
        require_problem(await client.patch(path, json=body), 422, "unknown-reference", "/company_id")
    for owner_id in (str(tenant.other_rep.id), str(neighbour.rep.id), str(new_id())):
        body = {"first_name": "Zoë", "owner_id": owner_id}
        require_problem(await client.post("/v1/contacts", json=body), 422, "unknown-reference", "/owner_id")
        require_problem(await client.patch(path, json=body), 422, "unknown-reference", "/owner_id")
    require_problem(await client.patch(path, json={"owner_id": None}), 422, "invalid-field", "/owner_id")


async def test_a_contact_of_a_deleted_company_still_says_where_they_work(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    client = contacts.client(tenant.rep)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    body = {"first_name": "Zoë", "company_id": company["id"]}
    contact = require_ok(await client.post("/v1/contacts", json=body), 201)
    await client.delete(f"/v1/companies/{company['id']}")

    edited = require_ok(await client.patch(f"/v1/contacts/{contact['id']}", json={**body, "job_title": "Buyer"}))

    assert edited["company_id"] == company["id"]


async def test_custom_fields_are_not_known_yet(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë", "custom_data": {}}), 201)

    for answer in (
        await client.post("/v1/contacts", json={"first_name": "Zoë", "custom_data": {"tier": 1}}),
        await client.patch(f"/v1/contacts/{contact['id']}", json={"custom_data": {"tier": 1}}),
    ):
        require_problem(answer, 422, "unknown-custom-field", "/custom_data/tier")


async def test_a_deleted_contact_is_gone_and_its_address_free(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"email": "zoe@acme.example"}), 201)
    path = f"/v1/contacts/{contact['id']}"

    assert (await client.delete(path)).status_code == 204

    for answer in (await client.get(path), await client.patch(path, json={}), await client.delete(path),
                   await client.put(f"{path}/tags/vip"), await client.delete(f"{path}/tags/vip")):  # fmt: skip
        require_problem(answer, 404, "not-found")
    assert require_ok(await client.get("/v1/contacts"))["items"] == []
    again = require_ok(await client.post("/v1/contacts", json={"email": "ZOE@acme.example"}), 201)
    assert again["id"] != contact["id"]


async def test_an_address_is_one_contacts_whatever_its_case(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    client = contacts.client(tenant.rep)
    first = require_ok(await client.post("/v1/contacts", json={"email": "Straße@acme.example"}), 201)
    second = require_ok(await client.post("/v1/contacts", json={"email": "other@acme.example"}), 201)

    # Also from somebody who can't see who has it: the address is the tenant's to give once.
    answer = await contacts.client(tenant.other_rep).post("/v1/contacts", json={"email": "straße@acme.example"})
    assert "existing_id" not in require_problem(answer, 409, "duplicate-email")
    for answer in (
        await client.post("/v1/contacts", json={"email": "STRASSE@ACME.EXAMPLE"}),
        await client.patch(f"/v1/contacts/{second['id']}", json={"email": "STRASSE@acme.example", "tags": ["x"]}),
    ):
        assert require_problem(answer, 409, "duplicate-email")["existing_id"] == first["id"]
    unchanged = require_ok(await client.get(f"/v1/contacts/{second['id']}"))
    assert unchanged == second
    own = await client.patch(f"/v1/contacts/{first['id']}", json={"email": "STRASSE@acme.example"})
    assert require_ok(own)["email"] == "STRASSE@acme.example"
    neighbours = await contacts.client(neighbour.rep).post("/v1/contacts", json={"email": "strasse@acme.example"})
    require_ok(neighbours, 201)


async def test_tags_are_put_and_taken_once(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    path = f"/v1/contacts/{contact['id']}/tags"

    first = await client.put(f"{path}/r%26d%20board")
    again = await client.put(f"{path}/r%26d%20board")

    assert (require_ok(first)["tags"], first.headers["etag"]) == (["r&d board"], '"2"')
    assert (again.json(), again.headers["etag"]) == (first.json(), '"2"')
    assert (await client.delete(f"{path}/never")).status_code == 204
    assert (await client.delete(f"{path}/r%26d%20board")).status_code == 204
    assert (await client.delete(f"{path}/r%26d%20board")).status_code == 204
    assert require_ok(await client.get(f"/v1/contacts/{contact['id']}"))["version"] == 3
    for odd in ("%20", "x" * 65, "a%00b", "a%2Fb", "%E2%80%8B"):
        require_problem(await client.put(f"{path}/{odd}"), 422, "invalid-field", "/tags")


async def test_odd_requests_get_their_answers(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)

    require_problem(await contacts.client_with(None).get("/v1/contacts"), 401, "unauthenticated")
    require_problem(await contacts.client_with("Bearer x.y.z").get("/v1/contacts"), 401)
    require_problem(await client.get("/v1/contacts/zoe"), 404, "not-found")
    require_problem(await client.get(f"/v1/contacts/{new_id()}"), 404, "not-found")
    require_problem(await client.get("/v1/people"), 404)
    require_problem(await client.put("/v1/contacts", json={}), 405)
    json_type = {"Content-Type": "application/json"}
    require_problem(await client.post("/v1/contacts", content="{", headers=json_type), 400)
    require_problem(await client.post("/v1/contacts", content="[]", headers=json_type), 422)
    require_problem(await client.post("/v1/contacts", content="first_name=Zoe"), 415)
    require_problem(await client.post("/v1/contacts", json={"first_name": "x" * 2_000_000}), 413)


async def test_an_idempotency_key_answers_again_without_writing(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    key = {"Idempotency-Key": "one"}
    body = {"email": "zoe@acme.example"}

    first = await client.post("/v1/contacts", json=body, headers=key)
    again = await client.post("/v1/contacts", json=body, headers=key)

    assert (again.status_code, again.json(), again.headers["etag"]) == (201, require_ok(first, 201), '"1"')
    assert again.headers["idempotency-replayed"] == "true"
    require_problem(await client.post("/v1/contacts", json={"first_name": "Zoë"}, headers=key), 422)
    refused = {"Idempotency-Key": "two"}
    require_problem(await client.post("/v1/contacts", json=body, headers=refused), 409, "duplicate-email")
    require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}, headers=refused), 201)
    assert [event.verb for event in await contacts.take_events(tenant.id)] == ["created", "created"]
