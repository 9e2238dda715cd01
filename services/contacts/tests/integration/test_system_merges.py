"""What the system merges by itself: nothing that one person could not have merged, and nothing that gives sight."""

from typing import Any

import pytest
from services.contacts.tests.integration.duplicates_kit import AGAIN, JOHN, Dedup, list_merges

from crm_testing.answers import require_ok, require_problem
from crm_testing.people import Person

pytestmark = pytest.mark.engines


Json = dict[str, Any]


THIRD = {**JOHN, "email": "zebulon.okonkwo@acme.example"}


@pytest.fixture
async def dedup(dedup: Dedup) -> Dedup:
    """Leave what is sure to the system, as new tenants do."""
    await dedup.set_auto_merge(on=True)
    return dedup


async def list_contacts(dedup: Dedup, person: Person) -> list[Json]:
    return list(require_ok(await dedup.kit.client(person).get("/v1/contacts"))["items"])


async def read(dedup: Dedup, contact: Json, person: Person | None = None) -> Json:
    client = dedup.kit.client(person or dedup.tenant.admin)
    return require_ok(await client.get(f"/v1/contacts/{contact['id']}"))


@pytest.mark.parametrize("first", ["planted", "real"])
@pytest.mark.parametrize(
    "planted", [{"email": "zebulon+x@acme.example"}, AGAIN, {**AGAIN, "email": "zebulon+x@acme.example"}]
)
async def test_nobody_takes_a_colleagues_contact_over_by_planting_a_duplicate(
    dedup: Dedup, planted: Json, first: str
) -> None:
    tenant = dedup.tenant
    entries = [(tenant.rep, planted), (tenant.other_rep, JOHN)]
    made = {
        owner.id: await dedup.create(owner, **fields) for owner, fields in entries[:: 1 if first == "planted" else -1]
    }
    await dedup.consume()

    for person in (tenant.rep, tenant.other_rep):
        assert await list_contacts(dedup, person) == [made[person.id]]
    require_problem(
        await dedup.kit.client(tenant.rep).get(f"/v1/contacts/{made[tenant.other_rep.id]['id']}"), 404, "not-found"
    )
    assert await list_merges(dedup) == []
    [pair] = await dedup.list_pairs()  # for who governs both
    assert pair["status"] == "OPEN"
    assert await dedup.list_pairs(tenant.rep) == await dedup.list_pairs(tenant.other_rep) == []


async def test_one_persons_two_are_merged_and_that_person_may_part_them(dedup: Dedup) -> None:
    rep = dedup.tenant.rep
    one, other = await dedup.create(rep, **JOHN), await dedup.create(rep, **AGAIN, job_title="Buyer")
    await dedup.consume()

    [merge] = await list_merges(dedup, rep)
    assert (merge["survivor_id"], merge["merged_by"]) == (one["id"], None)
    assert (await read(dedup, one, rep))["shares"] == []
    undone = require_ok(await dedup.kit.client(rep).post(f"/v1/merges/{merge['id']}/undo"))
    assert (undone["contact"]["job_title"], undone["other"]["id"]) == (None, other["id"])

    await dedup.consume()
    await dedup.patch(one, job_title="Buyer")
    await dedup.consume()
    assert len(await list_contacts(dedup, rep)) == 2


async def test_a_managers_takes_in_a_reports_and_gives_nobody_a_share(dedup: Dedup) -> None:
    tenant = dedup.tenant
    one = await dedup.create(tenant.manager, **JOHN)
    other = await dedup.create(tenant.rep, **AGAIN)
    await dedup.consume()

    assert (await read(dedup, one))["shares"] == []
    assert await list_contacts(dedup, tenant.rep) == []
    [merge] = await list_merges(dedup, tenant.rep)  # it was theirs, so they see where it went
    require_problem(await dedup.kit.client(tenant.rep).post(f"/v1/merges/{merge['id']}/undo"), 403, "forbidden")
    require_problem(await dedup.kit.client(tenant.other_rep).post(f"/v1/merges/{merge['id']}/undo"), 404, "not-found")
    require_ok(await dedup.kit.client(tenant.manager).post(f"/v1/merges/{merge['id']}/undo"))
    assert [contact["id"] for contact in await list_contacts(dedup, tenant.rep)] == [other["id"]]


@pytest.mark.parametrize("survivors", ["rep", "other_rep", "admin"])
async def test_who_does_not_govern_the_other_takes_nothing_in(dedup: Dedup, survivors: str) -> None:
    tenant = dedup.tenant
    owner: Person = getattr(tenant, survivors)
    one, other = await dedup.create(owner, **JOHN), await dedup.create(tenant.manager, **AGAIN)
    if owner is tenant.admin:  # they would, were they still there
        async with dedup.kit.database.begin_as_worker() as transaction:
            await transaction.execute("UPDATE directory_users SET active = false WHERE id = $1", owner.id)
    await dedup.consume()

    manager = dedup.kit.client(tenant.manager)
    assert require_ok(await manager.get("/v1/merges"))["items"] == []
    assert await read(dedup, other, tenant.manager) == other
    if owner is not tenant.admin:
        assert await read(dedup, one, owner) == one


async def test_an_admins_takes_in_anybodys(dedup: Dedup) -> None:
    tenant = dedup.tenant
    one = await dedup.create(tenant.admin, **JOHN)
    await dedup.create(tenant.other_rep, **AGAIN)
    await dedup.consume()

    assert [merge["survivor_id"] for merge in await list_merges(dedup)] == [one["id"]]
    assert await list_contacts(dedup, tenant.other_rep) == []


@pytest.mark.parametrize("shared", ["older", "newer"])
async def test_what_is_shared_with_others_is_left_to_a_person(dedup: Dedup, shared: str) -> None:
    """Merged, the one's share would show the other, or the share would be gone."""
    tenant = dedup.tenant
    await dedup.set_auto_merge(on=False)
    one, other = await dedup.create(tenant.rep, **JOHN), await dedup.create(tenant.rep, **AGAIN)
    given = one if shared == "older" else other
    body = {"user_id": str(tenant.other_rep.id), "permission": "READ"}
    path = f"/v1/contacts/{given['id']}/shares"
    require_ok(await dedup.kit.client(tenant.rep).post(path, json=body), 201)
    await dedup.set_auto_merge(on=True)
    await dedup.consume()

    assert await list_merges(dedup) == []
    assert [contact["id"] for contact in await list_contacts(dedup, tenant.other_rep)] == [given["id"]]

    alike = other if shared == "older" else one
    require_ok(await dedup.kit.client(tenant.rep).post(f"/v1/contacts/{alike['id']}/shares", json={**body}), 201)
    await dedup.consume()
    assert len(await list_merges(dedup)) == 1


async def test_an_accomplices_share_does_not_come_with_a_contact_given_away(dedup: Dedup) -> None:
    tenant = dedup.tenant
    planted = await dedup.create(tenant.rep, **AGAIN)
    rep = dedup.kit.client(tenant.rep)
    body = {"user_id": str(tenant.manager.id), "permission": "WRITE"}
    require_ok(await rep.post(f"/v1/contacts/{planted['id']}/shares", json=body), 201)
    require_ok(await rep.patch(f"/v1/contacts/{planted['id']}", json={"owner_id": str(tenant.other_rep.id)}))
    real = await dedup.create(tenant.other_rep, **JOHN, job_title="Board")
    await dedup.consume()

    assert await list_merges(dedup) == []
    assert [contact["id"] for contact in await list_contacts(dedup, tenant.manager)] == [planted["id"]]
    assert await read(dedup, real, tenant.other_rep) == real


async def test_who_governs_the_survivor_by_now_parts_it_and_is_not_shown_the_other(dedup: Dedup) -> None:
    tenant = dedup.tenant
    one, other = await dedup.create(tenant.manager, **JOHN), await dedup.create(tenant.rep, **AGAIN)
    await dedup.consume()
    await dedup.patch(one, owner_id=str(tenant.other_rep.id))
    [merge] = await list_merges(dedup, tenant.other_rep)
    client = dedup.kit.client(tenant.other_rep)

    answer = require_ok(await client.post(f"/v1/merges/{merge['id']}/undo"))

    assert (answer["contact"]["id"], answer["other"]) == (one["id"], None)
    assert [contact["id"] for contact in await list_contacts(dedup, tenant.other_rep)] == [one["id"]]
    assert [contact["id"] for contact in await list_contacts(dedup, tenant.rep)] == [other["id"]]


@pytest.mark.parametrize("parting", ["undone", "dismissed", "dismissed, then merged away"])
async def test_two_that_a_person_parted_do_not_meet_in_a_third(dedup: Dedup, parting: str) -> None:
    rep = dedup.tenant.rep
    client = dedup.kit.client(rep)
    await dedup.set_auto_merge(on=parting == "undone")
    third = await dedup.create(rep, first_name="Ada", last_name="Lovelace")  # the oldest: whoever merges survives in it
    one, other = await dedup.create(rep, **JOHN), await dedup.create(rep, **AGAIN)
    await dedup.consume()
    if parting == "undone":
        [merge] = await list_merges(dedup, rep)
        require_ok(await client.post(f"/v1/merges/{merge['id']}/undo"))
    else:
        [pair] = await dedup.list_pairs(rep)
        require_ok(await client.post(f"/v1/duplicates/{pair['id']}/dismiss"))
    await dedup.consume()
    await dedup.set_auto_merge(on=True)
    if parting == "dismissed, then merged away":
        require_ok(await client.post(f"/v1/contacts/{third['id']}/merge", json={"other_id": one["id"]}))
        await dedup.consume()
    await dedup.patch(third, **THIRD)
    await dedup.consume()

    left = {contact["id"] for contact in await list_contacts(dedup, rep)}
    assert len(left) == 2
    assert third["id"] in left
    assert {one["id"], other["id"]} & left


async def test_a_pair_that_a_person_dismissed_is_suggested_again_and_never_merged(dedup: Dedup) -> None:
    rep = dedup.tenant.rep
    await dedup.set_auto_merge(on=False)
    one, _ = await dedup.create(rep, **JOHN), await dedup.create(rep, **AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs(rep)
    require_ok(await dedup.kit.client(rep).post(f"/v1/duplicates/{pair['id']}/dismiss"))
    await dedup.set_auto_merge(on=True)
    await dedup.patch(one, job_title="Buyer")
    await dedup.consume()

    assert [(found["band"], found["status"]) for found in await dedup.list_pairs(rep)] == [("AUTO", "OPEN")]
    assert await list_merges(dedup) == []


MARIA = {"first_name": "Maria", "last_name": "Garcia", "phone": "0000000000"}


ANNA = {"first_name": "Anna", "last_name": "Schmidt"}


async def test_evidence_that_identifies_nobody_merges_nobody(dedup: Dedup) -> None:
    company = {"name": "Stahlbau Kern GmbH", "domain": "stahlbau-kern.example"}
    client = dedup.kit.client(dedup.tenant.admin)
    employer = require_ok(await client.post("/v1/companies", json=company), 201)["id"]
    for email in ("maria.garcia@delta-foods.example", "mgarcia81@gmail.com"):
        await dedup.create(**MARIA, email=email)
    for phone, address, title in (("4711", "anna.schmidt", "Controller"), ("4712", "anna.schmidt2", "Welder")):
        await dedup.create(
            **ANNA,
            phone=f"+49 30 5550 {phone}",
            email=f"{address}@stahlbau-kern.example",
            job_title=title,
            company_id=employer,
        )
    await dedup.consume()

    assert len(await list_contacts(dedup, dedup.tenant.admin)) == 4
    assert await dedup.list_pairs(status="MERGED") == []
