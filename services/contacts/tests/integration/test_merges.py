"""Merge and undo over HTTP: what comes of the fields, who may do it, and what each refusal says."""

import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from crm_contacts.merges.commands import merge_in
from crm_contacts.merges.repository import lock_pair
from crm_contacts.settings import ContactsSettings
from crm_shared.http.positions import Position, from_token
from crm_shared.testing.answers import require_ok, require_problem, walk_pages
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
Json = dict[str, Any]


async def create(client: httpx.AsyncClient, **fields: Any) -> Json:
    return require_ok(await client.post("/v1/contacts", json=fields), 201)


async def merge(client: httpx.AsyncClient, survivor: Json, other: Json, **body: Any) -> Json:
    answer = await client.post(f"/v1/contacts/{survivor['id']}/merge", json={"other_id": other["id"], **body})
    return require_ok(answer)


async def undo(client: httpx.AsyncClient, merge_id: str) -> Json:
    return require_ok(await client.post(f"/v1/merges/{merge_id}/undo"))


async def read(client: httpx.AsyncClient, contact: Json) -> Json:
    return require_ok(await client.get(f"/v1/contacts/{contact['id']}"))


def without_version(contact: Json) -> Json:
    return {name: value for name, value in contact.items() if name not in {"version", "updated_at"}}


async def test_a_merge_unites_two_and_its_undo_parts_them(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this = await create(client, first_name="Zoë", email="zoe@acme.example", tags=["vip", "press"])
    other = await create(
        client, first_name="Zoe", last_name="Okonkwo", email="z@acme.example", phone="030 901820", tags=["press", "new"]
    )
    await contacts.take_events(tenant.id)

    merged = await merge(client, this, other, choices={"email": "other"})

    assert merged["contact"] == await read(client, this)
    assert without_version(merged["contact"]) == without_version(
        {
            **this,
            "last_name": "Okonkwo",
            "email": "z@acme.example",
            "phone": "030 901820",
            "phone_e164": other["phone_e164"],
            "tags": ["vip", "press", "new"],
        }
    )
    problem = require_problem(await client.get(f"/v1/contacts/{other['id']}"), 404, "not-found")
    assert problem["merged_into"] == this["id"]
    told = {str(event.aggregate_id): event for event in await contacts.take_events(tenant.id)}
    assert {event.type for event in told.values()} == {"crm.contact.merged"}
    assert {event.version for event in told.values()} == {2}
    assert told[other["id"]].state["merged_into"] == this["id"]
    assert told[other["id"]].state["deleted_at"] is not None
    assert told[this["id"]].state == merged["contact"]

    undone = await undo(client, merged["merge_id"])

    assert undone["merge_id"] == merged["merge_id"]
    assert undone["contact"] == await read(client, this)
    assert undone["other"] == await read(client, other)
    assert without_version(undone["contact"]) == without_version(this)
    assert without_version(undone["other"]) == without_version(other)
    events = await contacts.take_events(tenant.id)
    assert [(event.type, event.version) for event in events] == [("crm.contact.unmerged", 3)] * 2


async def test_a_dry_run_shows_and_writes_nothing(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, first_name="Zoë"), await create(client, email="z@acme.example")
    before = await contacts.list_rows("contacts", "merges", "outbox", "record_changes")

    shown = await merge(client, this, other, dry_run=True)

    assert shown["merge_id"] is None
    assert shown["contact"]["email"] == "z@acme.example"
    assert await contacts.list_rows("contacts", "merges", "outbox", "record_changes") == before


async def test_what_a_merge_refuses(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, first_name="Zoë"), await create(client, email="z@acme.example")
    hidden = await create(contacts.client(tenant.other_rep), first_name="Otto's")
    foreign = await create(contacts.client(neighbour.rep), first_name="Elsewhere")
    path = f"/v1/contacts/{this['id']}/merge"

    async def post(**body: Any) -> httpx.Response:
        return await client.post(path, json={"other_id": other["id"], **body})

    require_problem(await post(other_id=this["id"]), 422, "invalid-field", "/other_id")
    for unseen in (hidden["id"], foreign["id"], str(uuid.uuid4())):
        require_problem(await post(other_id=unseen), 422, "unknown-reference", "/other_id")
        answer = await client.post(f"/v1/contacts/{unseen}/merge", json={"other_id": this["id"]})
        assert "merged_into" not in require_problem(answer, 404, "not-found")
    require_problem(await post(choices={"tags": "this"}), 422, "invalid-field", "/choices/tags")
    require_problem(await post(choices={"cf_no": "this"}), 422, "unknown-custom-field", "/choices/custom_data.no")
    require_problem(await post(choices={"email": "theirs"}), 422, "invalid-field", "/choices/email")
    require_problem(await post(choices={"first_name": "other", "email": "this"}), 422, "invalid-field", "/choices")
    assert (await post(choices={"cf_\x00": "this"})).status_code == 422
    require_problem(await post(overwrite=True), 422, "invalid-field", "/overwrite")
    require_problem(await client.post(path, json={}), 422, "invalid-field", "/other_id")
    stale = await client.post(path, json={"other_id": other["id"]}, headers={"If-Match": '"7"'})
    require_problem(stale, 412, "stale-version")
    assert await read(client, this) == this
    assert await read(client, other) == other


async def test_who_may_merge(contacts: Contacts, tenant: SeededTenant) -> None:
    rep, other_rep = contacts.client(tenant.rep), contacts.client(tenant.other_rep)
    this, other = await create(rep, first_name="Zoë"), await create(rep, first_name="Zoe")
    own = await create(other_rep, first_name="Z")
    for contact in (this, other):
        body = {"user_id": str(tenant.other_rep.id), "permission": "WRITE"}
        require_ok(await rep.post(f"/v1/contacts/{contact['id']}/shares", json=body), 201)

    for survivor, merged in ((this, other), (this, own), (own, this)):
        answer = await other_rep.post(f"/v1/contacts/{survivor['id']}/merge", json={"other_id": merged["id"]})
        require_problem(answer, 403, "forbidden")
    done = await merge(contacts.client(tenant.manager), this, other)
    require_problem(await other_rep.post(f"/v1/merges/{done['merge_id']}/undo"), 403, "forbidden")
    require_ok(await rep.post(f"/v1/merges/{done['merge_id']}/undo"))


async def test_who_owned_the_other_sees_the_survivor(contacts: Contacts, tenant: SeededTenant) -> None:
    rep, other_rep = contacts.client(tenant.rep), contacts.client(tenant.other_rep)
    this, other = await create(rep, first_name="Zoë"), await create(other_rep, first_name="Zoe")

    done = await merge(contacts.client(tenant.admin), this, other)

    (share,) = done["contact"]["shares"]
    assert (share["user_id"], share["permission"]) == (str(tenant.other_rep.id), "WRITE")
    assert done["contact"] == await read(rep, this)
    problem = require_problem(await other_rep.get(f"/v1/contacts/{other['id']}"), 404, "not-found")
    assert problem["merged_into"] == this["id"]
    require_ok(await other_rep.get(f"/v1/contacts/{this['id']}"))
    await undo(contacts.client(tenant.admin), done["merge_id"])
    require_problem(await other_rep.get(f"/v1/contacts/{this['id']}"), 404, "not-found")
    require_ok(await other_rep.get(f"/v1/contacts/{other['id']}"))


async def test_a_chain_leads_to_whoever_lives_and_parts_from_its_end(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    a, b, c = [await create(client, first_name=name, tags=[name]) for name in "ABC"]
    one = await merge(client, b, a)
    two = await merge(client, c, b)

    for gone in (a, b):
        problem = require_problem(await client.get(f"/v1/contacts/{gone['id']}"), 404, "not-found")
        assert problem["merged_into"] == c["id"]
        edited = await client.patch(f"/v1/contacts/{gone['id']}", json={"job_title": "CEO"})
        assert require_problem(edited, 404, "not-found")["merged_into"] == c["id"]
    assert sorted((await read(client, c))["tags"]) == ["A", "B", "C"]
    blocked = await client.post(f"/v1/merges/{one['merge_id']}/undo")
    assert require_problem(blocked, 409, "later-merge")["merge_id"] == two["merge_id"]

    await undo(client, two["merge_id"])
    assert sorted((await read(client, b))["tags"]) == ["A", "B"]
    assert (await read(client, c))["tags"] == ["C"]
    await undo(client, one["merge_id"])
    assert [(await read(client, contact))["tags"] for contact in (a, b, c)] == [["A"], ["B"], ["C"]]


async def test_of_two_merges_into_one_the_later_is_undone_first(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    a, b, c = [await create(client, first_name=name) for name in "ABC"]
    one, two = await merge(client, c, a), await merge(client, c, b)

    blocked = await client.post(f"/v1/merges/{one['merge_id']}/undo")

    assert require_problem(blocked, 409, "later-merge")["merge_id"] == two["merge_id"]
    await undo(client, two["merge_id"])
    await undo(client, one["merge_id"])


async def test_a_survivor_nobody_may_see_is_not_named(contacts: Contacts, tenant: SeededTenant) -> None:
    rep = contacts.client(tenant.rep)
    this, other = await create(contacts.client(tenant.other_rep), first_name="Z"), await create(rep, first_name="Zoe")
    async with contacts.database.begin_as_worker() as transaction:  # as an import or a former owner would leave it
        await transaction.execute(
            "UPDATE contacts SET deleted_at = now(), merged_into = $2 WHERE id = $1",
            uuid.UUID(other["id"]),
            uuid.UUID(this["id"]),
        )
    assert "merged_into" not in require_problem(await rep.get(f"/v1/contacts/{other['id']}"), 404, "not-found")


async def test_what_is_merged_already(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other, third = [await create(client, first_name=name) for name in "ABC"]
    await merge(client, this, other)

    again = await client.post(f"/v1/contacts/{this['id']}/merge", json={"other_id": other["id"]})
    elsewhere = await client.post(f"/v1/contacts/{third['id']}/merge", json={"other_id": other["id"]})
    reverse = await client.post(f"/v1/contacts/{other['id']}/merge", json={"other_id": this["id"]})
    restored = await client.post(f"/v1/contacts/{other['id']}/restore")

    require_problem(again, 409, "already-merged")
    assert require_problem(elsewhere, 422, "unknown-reference", "/other_id")["merged_into"] == this["id"]
    assert require_problem(reverse, 404, "not-found")["merged_into"] == this["id"]
    assert require_problem(restored, 409, "merged")["merged_into"] == this["id"]


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
