"""Taking an import back: what nobody has touched since is as it was before."""

import pytest
from services.contacts.tests.integration.importing import Kit, counts, revert, run_import

from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_new_records_go_unless_they_were_edited(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    file = "email,first_name\na@acme.example,A\nb@acme.example,B\nc@acme.example,C\na@acme.example,A2\n"
    job = await run_import(contacts, tenant.rep, file, mode="upsert", chunk_rows=3)
    assert counts(job) == [4, 3, 1, 0, 0]
    found = {one["email"][0]: one for one in await walk_pages(client, "/v1/contacts")}
    require_ok(await client.patch(f"/v1/contacts/{found['b']['id']}", json={"job_title": "CEO"}))
    await client.delete(f"/v1/contacts/{found['c']['id']}")
    await contacts.take_events(tenant.id)

    job = await revert(contacts, tenant.rep, job["id"])
    assert (job["status"], job["progress"]) == ("REVERTED", 1)
    assert job["reverted"] == {"deleted": 1, "restored": 0, "kept": 1}
    assert [one["email"] for one in await walk_pages(client, "/v1/contacts")] == ["b@acme.example"]
    events = await contacts.take_events(tenant.id)
    assert [(event.type, event.version) for event in events] == [("crm.contact.deleted", 3)]
    require_problem(await client.post(f"/v1/imports/{job['id']}/revert"), 409, "already-reverted")
    again = await run_import(contacts, tenant.rep, "email\na@acme.example\n")
    assert counts(again) == [1, 1, 0, 0, 0]


async def test_changed_records_get_back_what_nobody_has_edited_since(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    acme = require_ok(await client.post("/v1/companies", json={"name": "Acme", "domain": "acme.example"}), 201)
    body = {
        "email": "ann@acme.example", "first_name": "Ann", "job_title": "Buyer", "tags": ["old"], "phone": "030 901820",
        "external_id": "X1", "company_id": acme["id"],
    }  # fmt: skip
    ann = require_ok(await client.post("/v1/contacts", json=body), 201)
    file = "external_id,email,First Name,Job Title,Tags,Phone\nX1,anna@acme.example,Anna,CEO,new;vip,+49 40 123456\n"
    job = await run_import(contacts, tenant.rep, file, mode="upsert", id_property="external_id")
    assert counts(job) == [1, 0, 1, 0, 0]
    require_ok(await client.patch(f"/v1/contacts/{ann['id']}", json={"job_title": "CTO"}))
    taken = require_ok(await client.post("/v1/contacts", json={"email": "ann@acme.example"}), 201)

    job = await revert(contacts, tenant.admin, job["id"])
    assert job["reverted"] == {"deleted": 0, "restored": 1, "kept": 1}
    after = require_ok(await client.get(f"/v1/contacts/{ann['id']}"))
    same = ("first_name", "tags", "phone", "phone_e164", "company_id", "external_id")
    assert {name: after[name] for name in same} == {name: ann[name] for name in same}
    assert (after["job_title"], after["email"], after["version"]) == ("CTO", "anna@acme.example", 4)
    assert require_ok(await client.get(f"/v1/contacts/{taken['id']}"))["version"] == 1
    page = require_ok(await client.get(f"/v1/contacts/{ann['id']}/changes"))
    assert page["items"][0]["changed_by"] == str(tenant.admin.id)


@pytest.mark.parametrize("chunk_rows", [1, 2, 5])
async def test_a_record_of_several_rows_is_as_it_was_before_the_first(
    contacts: Kit, tenant: SeededTenant, chunk_rows: int
) -> None:
    client = contacts.client(tenant.rep)
    found = []
    for number in (1, 2):
        body = {"external_id": f"u{number}", "first_name": "Ann", "job_title": "old", "source": "INBOUND"}
        found.append(require_ok(await client.post("/v1/contacts", json=body), 201))
    file = (
        "external_id,job_title,source,first_name\n"
        "u1,new1,,\nu1,new2,REFERRAL,\nu2,new,,\nu2,,,Anna\nu1,new3,,\n"
    )  # fmt: skip
    job = await run_import(contacts, tenant.rep, file, mode="update", id_property="external_id", chunk_rows=chunk_rows)
    assert counts(job) == [5, 0, 5, 0, 0]
    require_ok(await client.patch(f"/v1/contacts/{found[1]['id']}", json={"job_title": "edited"}))

    job = await revert(contacts, tenant.rep, job["id"])
    assert job["reverted"] == {"deleted": 0, "restored": 2, "kept": 1}
    after = [require_ok(await client.get(f"/v1/contacts/{one['id']}")) for one in found]
    published = [(one["first_name"], one["job_title"], one["source"]) for one in after]
    assert published == [("Ann", "old", "INBOUND"), ("Ann", "edited", "INBOUND")]


async def test_companies_are_taken_back_likewise(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    acme = require_ok(await client.post("/v1/companies", json={"name": "Acme", "domain": "acme.example"}), 201)
    file = "name,domain,industry\nAcme Corp,acme.example,Anvils\nNew,new.example,\n"
    job = await run_import(contacts, tenant.rep, file, entity_type="COMPANY", mode="upsert")
    assert counts(job) == [2, 1, 1, 0, 0]

    job = await revert(contacts, tenant.rep, job["id"])
    assert job["reverted"] == {"deleted": 1, "restored": 1, "kept": 0}
    (left,) = await walk_pages(client, "/v1/companies")
    assert (left["id"], left["name"], left["industry"], left["version"]) == (acme["id"], "Acme", None, 3)


async def test_only_the_importer_and_an_admin_may_see_and_take_back(
    contacts: Kit, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    job = await run_import(contacts, tenant.rep, "email\na@acme.example\n")
    for person in (tenant.manager, tenant.other_rep, neighbour.admin):
        client = contacts.client(person)
        for answer in (
            await client.get(f"/v1/imports/{job['id']}"),
            await client.get(f"/v1/imports/{job['id']}/errors.csv"),
            await client.post(f"/v1/imports/{job['id']}/revert"),
            await client.post(f"/v1/imports/{job['id']}/cancel"),
        ):
            require_problem(answer, 404, "not-found")
        assert await walk_pages(client, "/v1/imports") == []
    for person in (tenant.rep, tenant.admin):
        assert [one["id"] for one in await walk_pages(contacts.client(person), "/v1/imports", limit=1)] == [job["id"]]
    dry = await run_import(contacts, tenant.rep, "email\nb@acme.example\n", dry_run="true")
    answer = await contacts.client(tenant.rep).post(f"/v1/imports/{dry['id']}/revert")
    require_problem(answer, 409, "nothing-to-revert")
