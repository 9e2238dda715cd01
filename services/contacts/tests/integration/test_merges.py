"""Merge and undo over HTTP: what comes of the fields, who may do it, and what each refusal says."""

import uuid
from typing import Any

import httpx
import pytest
from services.contacts.tests.integration.merging_kit import Contacts, create, merge, read, undo, without_version

from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


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
    published = {str(event.aggregate_id): event for event in await contacts.take_events(tenant.id)}
    assert {event.type for event in published.values()} == {"crm.contact.merged"}
    assert {event.version for event in published.values()} == {2}
    assert published[other["id"]].state["merged_into"] == this["id"]
    assert published[other["id"]].state["deleted_at"] is not None
    assert published[this["id"]].state == merged["contact"]

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


async def test_a_client_that_follows_merges_asks_for_what_is_new(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    made = [await create(client, first_name=name) for name in "ABCD"]
    done = [(await merge(client, made[at], made[at + 1]))["merge_id"] for at in (0, 2)]
    old, new = [require_ok(await client.get(f"/v1/merges/{each}"))["merged_at"] for each in done]

    async def list_since(since: str) -> set[str]:
        answer = await client.get("/v1/merges", params={"updated_since": since})
        return {found["id"] for found in require_ok(answer)["items"]}

    assert await list_since(old) == set(done)
    assert await list_since(new) == {done[1]}
    await undo(client, done[0])
    assert await list_since(new) == set(done)
    assert await list_since("2100-01-01T00:00:00Z") == set()
    require_problem(await client.get("/v1/merges?updated_since=x"), 422, "invalid-field", "?updated_since")


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
