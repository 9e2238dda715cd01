"""Merges undone, and what else knows of a merge."""

import uuid
from datetime import UTC, datetime

import pytest
from services.contacts.tests.integration.merging_kit import Contacts, create, merge, read, undo

from crm_contacts.merges.commands import merge_in
from crm_contacts.merges.repository import lock_pair
from crm_shared.http.positions import Position, from_token
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_an_undo_keeps_later_edits_and_happens_once(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this = await create(client, first_name="Zoë", tags=["vip"])
    other = await create(client, last_name="O", email="z@acme.example", job_title="CEO", tags=["new"])
    done = await merge(client, this, other)
    path = f"/v1/contacts/{this['id']}"
    require_ok(await client.patch(path, json={"last_name": "Okonkwo"}))
    require_ok(await client.put(f"{path}/tags/later"))

    undone = await undo(client, done["merge_id"])

    assert (undone["contact"]["last_name"], undone["contact"]["job_title"]) == ("Okonkwo", None)
    assert undone["contact"]["tags"] == ["vip", "later"]
    assert (undone["other"]["last_name"], undone["other"]["email"]) == ("O", "z@acme.example")
    require_problem(await client.post(f"/v1/merges/{done['merge_id']}/undo"), 409, "already-undone")
    assert (await merge(client, this, other))["merge_id"] != done["merge_id"]


async def test_an_address_that_somebody_took_meanwhile_stands_in_the_way(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, email="a@acme.example"), await create(client, email="b@acme.example")
    done = await merge(client, this, other)
    third = await create(client, email="B@acme.example")
    path = f"/v1/merges/{done['merge_id']}/undo"

    assert require_problem(await client.post(path), 409, "duplicate-email")["existing_id"] == third["id"]
    require_problem(await client.get(f"/v1/contacts/{other['id']}"), 404, "not-found")

    require_ok(await client.patch(f"/v1/contacts/{third['id']}", json={"email": "c@acme.example"}))
    require_ok(await client.post(path))


async def test_the_survivors_own_former_address_may_be_taken_too(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this = await create(client, email="a@acme.example", external_id="1")
    other = await create(client, email="b@acme.example", external_id="2")
    done = await merge(client, this, other, choices={"email": "other", "external_id": "other"})
    third = await create(client, first_name="C", email="a@acme.example")
    path = f"/v1/merges/{done['merge_id']}/undo"

    assert require_problem(await client.post(path), 409, "duplicate-email")["existing_id"] == third["id"]
    require_ok(await client.patch(f"/v1/contacts/{third['id']}", json={"email": None, "external_id": "1"}))
    assert require_problem(await client.post(path), 409, "duplicate-external-id")["existing_id"] == third["id"]


async def test_a_survivor_that_was_deleted_gives_the_other_back(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, first_name="Zoë"), await create(client, email="z@acme.example")
    done = await merge(client, this, other)
    assert (await client.delete(f"/v1/contacts/{this['id']}")).status_code == 204
    assert "merged_into" not in require_problem(await client.get(f"/v1/contacts/{other['id']}"), 404, "not-found")

    undone = await undo(client, done["merge_id"])

    assert undone["contact"]["deleted_at"] is not None
    assert (await read(client, other))["email"] == "z@acme.example"
    require_problem(await client.get(f"/v1/contacts/{this['id']}"), 404, "not-found")
    restored = require_ok(await client.post(f"/v1/contacts/{this['id']}/restore"))
    assert restored["email"] is None


async def test_merges_are_listed_to_who_sees_one_of_the_two(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    client, admin = contacts.client(tenant.rep), contacts.client(tenant.admin)
    made = [await create(client, first_name=name) for name in "ABCD"]
    done = [await merge(client, made[0], other) for other in made[1:]]
    await undo(client, done[-1]["merge_id"])
    others = contacts.client(tenant.other_rep)
    foreign = await merge(others, await create(others, first_name="X"), await create(others, first_name="Y"))

    newest_first = [one["merge_id"] for one in reversed(done)]
    for limit in (1, 2, 50):
        assert [one["id"] for one in await walk_pages(client, "/v1/merges", limit=limit)] == newest_first
    assert [one["id"] for one in await walk_pages(admin, "/v1/merges")] == [foreign["merge_id"], *newest_first]
    assert await walk_pages(contacts.client(neighbour.admin), "/v1/merges") == []
    of_b = await walk_pages(client, "/v1/merges", contact_id=made[1]["id"])
    assert [one["id"] for one in of_b] == [done[0]["merge_id"]]

    found = require_ok(await client.get(f"/v1/merges/{newest_first[0]}"))
    assert (found["survivor_id"], found["other_id"]) == (made[0]["id"], made[3]["id"])
    assert found["merged_by"] == found["undone_by"] == str(tenant.rep.id)
    assert found["undone_at"] >= found["merged_at"]
    for path in (foreign["merge_id"], str(uuid.uuid4()), "7"):
        require_problem(await client.get(f"/v1/merges/{path}"), 404, "not-found")
        require_problem(await client.post(f"/v1/merges/{path}/undo"), 404, "not-found")
    require_problem(await client.get("/v1/merges", params={"contact_id": "7"}), 422, "invalid-field", "?contact_id")
    require_problem(await client.get("/v1/merges", params={"sort": "id"}), 422, "invalid-field", "?sort")


async def test_one_key_merges_once_and_the_answer_tells_the_position_of_both(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, first_name="Zoë"), await create(client, first_name="Zoe")
    path, body = f"/v1/contacts/{this['id']}/merge", {"other_id": other["id"]}

    first = await client.post(path, json=body, headers={"Idempotency-Key": "once", "If-Match": '"1"'})
    second = await client.post(path, json=body, headers={"Idempotency-Key": "once", "If-Match": '"1"'})

    assert second.headers["idempotency-replayed"] == "true"
    assert (first.json(), first.headers["etag"]) == (second.json(), '"2"')
    assert from_token(first.headers["crm-position"]) == [
        Position("contact", uuid.UUID(contact["id"]), 2) for contact in (this, other)
    ]


async def test_the_audit_tells_of_the_merge(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, first_name="Zoë"), await create(client, email="z@acme.example")
    done = await merge(client, this, other)
    await undo(client, done["merge_id"])

    changes = await walk_pages(client, f"/v1/contacts/{this['id']}/changes")

    assert [change["event_type"] for change in changes[:2]] == ["crm.contact.unmerged", "crm.contact.merged"]
    assert changes[1]["changes"] == {"email": {"from": None, "to": "z@acme.example"}}


async def test_an_erased_person_is_not_given_back(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.admin)
    this, other = await create(client, first_name="Zoë"), await create(client, email="only.here@acme.example")
    done = await merge(client, this, other)

    require_ok(await client.post(f"/v1/contacts/{this['id']}/erase"))

    require_problem(await client.post(f"/v1/merges/{done['merge_id']}/undo"), 409, "merge-erased")
    assert "only.here@acme.example" not in str(await contacts.list_rows("merges", "contacts"))


async def test_a_worker_merges_in_its_own_transaction(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, first_name="Zoë"), await create(client, email="z@acme.example")
    await contacts.take_events(tenant.id)

    async with contacts.database.begin_as_worker() as transaction:
        ids = (uuid.UUID(other["id"]), uuid.UUID(this["id"]))
        locked = await lock_pair(transaction, tenant.id, *ids)
        outcome = await merge_in(
            transaction, tenant.id, locked[ids[1]], locked[ids[0]], {}, actor_id=None, now=datetime.now(UTC)
        )

    assert (await read(client, this))["email"] == "z@acme.example"
    assert {event.actor_id for event in await contacts.take_events(tenant.id)} == {None}
    assert require_ok(await client.get(f"/v1/merges/{outcome.merge_id}"))["merged_by"] is None
    await undo(client, str(outcome.merge_id))


async def test_custom_fields_are_chosen_one_by_one_and_a_deleted_one_is_not_given_back(
    contacts: Contacts, tenant: SeededTenant
) -> None:
    admin, client = contacts.client(tenant.admin), contacts.client(tenant.rep)
    fields = {}
    for key in ("region", "tier"):
        body = {"entity_type": "CONTACT", "key": key, "label": key, "field_type": "TEXT"}
        fields[key] = require_ok(await admin.post("/v1/custom-fields", json=body), 201)["id"]
    this = await create(client, first_name="Zoë", custom_data={"region": "EU", "tier": "gold"})
    other = await create(client, first_name="Zoe", custom_data={"region": "US", "tier": "lead"})

    done = await merge(client, this, other, choices={"cf_region": "other", "custom_data.tier": "other"})
    assert done["contact"]["custom_data"] == {"region": "US", "tier": "lead"}
    assert (await admin.delete(f"/v1/custom-fields/{fields['tier']}")).status_code == 204
    undone = await undo(client, done["merge_id"])

    assert undone["contact"]["custom_data"] == {"region": "EU"}
    assert undone["other"]["custom_data"] == {"region": "US"}
