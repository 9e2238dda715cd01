"""Imports, from the upload to what stands in the tables, in the outbox and in the audit."""

import pytest
from services.contacts.tests.integration.importing import Kit, counts, list_errors, run_import

from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

PEOPLE = """First Name,Last Name,E-Mail,Phone,Tags
Zoë,Okonkwo,Zoe.Okonkwo@Acme.example,030 901820,vip; board
Ann,Miller,ann@acme.example,+1 415 555 2671,
"""
NOT_COMPARED = {"id", "created_at", "updated_at"}


async def test_a_file_becomes_contacts_events_and_audit(contacts: Kit, tenant: SeededTenant) -> None:
    job = await run_import(contacts, tenant.rep, PEOPLE)

    assert job["status"] == "COMPLETED", job
    assert counts(job) == [2, 2, 0, 0, 0]
    assert job["progress"] == 1
    assert job["mapping"] == {
        "First Name": "first_name", "Last Name": "last_name", "E-Mail": "email", "Phone": "phone", "Tags": "tags",
    }  # fmt: skip
    client = contacts.client(tenant.rep)
    ann, zoe = sorted(await walk_pages(client, "/v1/contacts"), key=lambda contact: contact["last_name"])
    assert (zoe["first_name"], zoe["email"], zoe["phone_e164"]) == ("Zoë", "Zoe.Okonkwo@acme.example", "+4930901820")
    assert zoe["tags"] == ["vip", "board"]
    assert ann["phone_e164"] == "+14155552671"
    assert {zoe["owner_id"], ann["owner_id"]} == {str(tenant.rep.id)}
    page = require_ok(await client.get(f"/v1/contacts/{zoe['id']}/changes"))
    assert [(change["version"], change["changed_by"]) for change in page["items"]] == [(1, str(tenant.rep.id))]


async def test_what_an_import_tells_is_what_the_single_call_tells(contacts: Kit, tenant: SeededTenant) -> None:
    file = PEOPLE.replace("Zoe.Okonkwo", "zoe") + 'O\'Neil "Bo",Tab\there,bo@acme.example,110,\\\n'
    await run_import(contacts, tenant.rep, file)
    imported = await contacts.take_events(tenant.id)
    fields = ("first_name", "last_name", "email", "phone", "tags")
    other = await contacts.seed_tenant()
    for event in imported:
        body = {name: event.state[name] for name in fields}
        require_ok(await contacts.client(other.rep).post("/v1/contacts", json=body), 201)
    single = await contacts.take_events(other.id)

    for one, two in zip(imported, single, strict=True):
        assert (one.type, one.version, one.changed) == (two.type, two.version, two.changed)
        assert one.state.keys() == two.state.keys()
        for name in one.state.keys() - NOT_COMPARED - {"owner_id"}:
            assert one.state[name] == two.state[name]
        assert one.state["id"] == str(one.aggregate_id)
        assert one.state["created_at"] == one.state["updated_at"]
        assert one.actor_id == tenant.rep.id


async def test_a_wrong_row_goes_to_the_errors_file_with_its_line(contacts: Kit, tenant: SeededTenant) -> None:
    file = (
        "first_name,email,source\n"
        '"Two\nlines",two@acme.example,inbound\n'
        "\n"
        "Bad,not an address,INBOUND\n"
        "Odd,odd@acme.example,SOMEWHERE,extra\n"
        "=cmd(),also bad,NOWHERE\n"
        "Good,good@acme.example,REFERRAL\n"
    )
    job = await run_import(contacts, tenant.rep, file)

    assert counts(job) == [5, 1, 0, 0, 4]
    errors = await list_errors(contacts, tenant.rep, job["id"])
    assert [line.split(",")[:2] for line in errors][-3:] == [["5", "email"], ["6", ""], ["7", "email; source"]]
    assert errors[0].startswith("2,first_name,")
    assert "control character" in errors[0]
    assert errors[-3].endswith("Bad,not an address,INBOUND")
    assert "has 4 cells, the header has 3" in errors[-2]
    assert errors[-1].endswith("'=cmd(),also bad,NOWHERE")


async def test_a_taken_address_fails_its_row_whoever_has_it(contacts: Kit, tenant: SeededTenant) -> None:
    mine = require_ok(
        await contacts.client(tenant.other_rep).post("/v1/contacts", json={"email": "Taken@acme.example"}), 201
    )
    file = "email\nfree@acme.example\ntaken@ACME.example\nFREE@acme.example\n"
    job = await run_import(contacts, tenant.rep, file)

    assert counts(job) == [3, 1, 0, 0, 2]
    errors = await list_errors(contacts, tenant.rep, job["id"])
    assert errors[0].startswith('3,email,"duplicate-email: A colleague')
    assert mine["id"] not in errors[0]
    assert errors[1].startswith("4,email,duplicate-email:")

    seen = await run_import(contacts, tenant.admin, "email\ntaken@acme.example\n")
    (error,) = await list_errors(contacts, tenant.admin, seen["id"])
    assert mine["id"] in error


async def test_an_upsert_changes_what_is_there_and_makes_the_rest(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    body = {"email": "ann@acme.example", "first_name": "Ann", "job_title": "Buyer", "tags": ["old"]}
    ann = require_ok(await client.post("/v1/contacts", json=body), 201)
    same = require_ok(await client.post("/v1/contacts", json={"email": "same@acme.example", "first_name": "Sam"}), 201)
    file = (
        "email,first_name,job_title\n"
        "ANN@acme.example,Anna,\n"
        "same@acme.example,Sam,\n"
        "new@acme.example,Nia,CEO\n"
        "new@acme.example,,CFO\n"
        ",Nobody,\n"
    )
    job = await run_import(contacts, tenant.rep, file, mode="upsert")

    assert counts(job) == [5, 2, 2, 1, 0]
    assert job["id_property"] == "email"
    anna = require_ok(await client.get(f"/v1/contacts/{ann['id']}"))
    assert (anna["first_name"], anna["job_title"], anna["tags"], anna["version"]) == ("Anna", "Buyer", ["old"], 2)
    assert anna["email"] == "ann@acme.example"
    assert require_ok(await client.get(f"/v1/contacts/{same['id']}"))["version"] == 1
    (new,) = await walk_pages(client, "/v1/contacts", email="new@acme.example")
    assert (new["first_name"], new["job_title"], new["version"]) == ("Nia", "CFO", 2)
    (nobody,) = await walk_pages(client, "/v1/contacts", q="Nobody")  # without the key, so new
    assert (nobody["email"], nobody["version"]) == (None, 1)


async def test_an_update_by_id_makes_nothing_new(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    mine = require_ok(await client.post("/v1/contacts", json={"first_name": "Ann"}), 201)
    theirs = require_ok(await contacts.client(tenant.other_rep).post("/v1/contacts", json={"first_name": "Bo"}), 201)
    file = f"id,first_name\n{mine['id']},Anna\n{theirs['id']},Bob\n{tenant.id},Nobody\nno id,Nobody\n"
    job = await run_import(contacts, tenant.rep, file, mode="update")

    assert counts(job) == [4, 0, 1, 0, 3]
    assert require_ok(await client.get(f"/v1/contacts/{mine['id']}"))["first_name"] == "Anna"
    errors = await list_errors(contacts, tenant.rep, job["id"])
    assert [line.split(",")[:3] for line in errors] == [
        ["3", "id", "There is no such contact."],
        ["4", "id", "There is no such contact."],
        ["5", "id", "is not an id"],
    ]
    assert await walk_pages(contacts.client(tenant.other_rep), "/v1/contacts") == [theirs]


async def test_rows_refer_to_companies_and_owners(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.manager)
    acme = require_ok(await client.post("/v1/companies", json={"name": "Acme", "domain": "acme.example"}), 201)
    for _ in range(2):
        require_ok(await client.post("/v1/companies", json={"name": "Twin"}), 201)
    hidden = {"name": "Hidden", "domain": "hidden.example"}
    require_ok(await contacts.client(tenant.other_rep).post("/v1/companies", json=hidden), 201)
    file = (
        "first_name,company,owner\n"
        f"A,acme,{tenant.rep.email.upper()}\n"
        "B,https://www.ACME.example/about,\n"
        "C,Twin,\nD,Hidden,\nE,hidden.example,\nF,Acme,nobody@acme.example\n"
    )
    job = await run_import(contacts, tenant.manager, file)

    assert counts(job) == [6, 2, 0, 0, 4]
    found = {one["first_name"]: one for one in await walk_pages(client, "/v1/contacts")}
    assert [found[name]["company_id"] for name in "AB"] == [acme["id"]] * 2
    assert [found[name]["owner_id"] for name in "AB"] == [str(tenant.rep.id), str(tenant.manager.id)]
    errors = await list_errors(contacts, tenant.manager, job["id"])
    assert [line.split(",")[1:3] for line in errors] == [
        ["company", "more than one company is called so; name its domain"],
        ["company", "there is no such company"],
        ["company", "there is no such company"],
        ["owner", "there is no such active user"],
    ]


async def test_companies_are_imported_likewise(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    file = "Company Name;Website URL;Domain;Employees\nAcme;https://acme.example;www.ACME.example;51-200\nBolt;;;\n"
    job = await run_import(contacts, tenant.rep, file, entity_type="COMPANY")
    assert (counts(job), job["delimiter"]) == ([2, 2, 0, 0, 0], ";")
    events = await contacts.take_events(tenant.id)
    assert [event.type for event in events] == ["crm.company.created"] * 2
    again = "domain,name,industry\nacme.example,,Anvils\nbolt.example,,\nnew.example,New,\n"
    job = await run_import(contacts, tenant.rep, again, entity_type="COMPANY", mode="upsert")

    assert counts(job) == [3, 1, 1, 0, 1]
    assert (await list_errors(contacts, tenant.rep, job["id"]))[0].startswith("3,,name is required")
    (acme,) = await walk_pages(client, "/v1/companies", domain="acme.example")
    assert (acme["name"], acme["industry"], acme["size"]) == ("Acme", "Anvils", "51-200")


async def test_a_dry_run_shows_what_would_be_and_writes_nothing(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    ann = require_ok(await client.post("/v1/contacts", json={"email": "ann@acme.example", "first_name": "Ann"}), 201)
    tables = ("contacts", "outbox", "record_changes", "contact_tags", "import_chunks")
    before = await contacts.list_rows(*tables)
    file = "email,first_name\nann@acme.example,Anna\nnew@acme.example,Nia\nbad,Bo\n"
    job = await run_import(contacts, tenant.rep, file, mode="upsert", dry_run="true")

    assert await contacts.list_rows(*tables) == before
    assert counts(job) == [3, 1, 1, 0, 1]
    shown = job["preview"]
    assert [(row["line"], row["action"]) for row in shown] == [(2, "update"), (3, "create"), (4, "fail")]
    assert (shown[0]["record"]["id"], shown[0]["record"]["first_name"]) == (ann["id"], "Anna")
    assert shown[1]["record"]["email"] == "new@acme.example"
    assert shown[2]["problems"][0]["field"] == "email"
    assert len(await list_errors(contacts, tenant.rep, job["id"])) == 1


@pytest.mark.parametrize(("mode", "expected"), [("create", [5, 3, 0, 0, 2]), ("upsert", [5, 3, 2, 0, 0])])
async def test_a_dry_run_sees_the_same_address_anywhere_in_the_file(
    contacts: Kit, tenant: SeededTenant, mode: str, expected: list[int]
) -> None:
    """In whatever chunks the file is tried, it comes out as writing it does."""
    file = "email,first_name\na@t.example,A\nb@t.example,B\nA@t.example,A2\nc@t.example,C\nB@t.example,B2\n"
    for dry_run, chunk_rows in (("true", 2), ("true", 5), ("false", 2)):
        job = await run_import(contacts, tenant.rep, file, mode=mode, dry_run=dry_run, chunk_rows=chunk_rows)
        assert counts(job) == expected, (dry_run, chunk_rows)


async def test_custom_fields_are_read_by_their_definitions(contacts: Kit, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    definitions = (
        {"key": "shoe_size", "label": "Shoe size", "field_type": "NUMBER", "required": True},
        {"key": "hobbies", "label": "Hobbies", "field_type": "MULTI_SELECT", "options": ["Chess", "Golf"]},
    )
    for definition in definitions:
        require_ok(await admin.post("/v1/custom-fields", json={"entity_type": "CONTACT", **definition}), 201)
    file = "email,CF_Shoe_Size,Games\na@acme.example,42.50,Golf; Chess\nb@acme.example,big,Poker\nc@acme.example,,\n"
    job = await run_import(contacts, tenant.rep, file, mapping={"games": "cf_hobbies"})

    assert counts(job) == [3, 1, 0, 0, 2]
    (one,) = await walk_pages(contacts.client(tenant.rep), "/v1/contacts")
    assert one["custom_data"] == {"shoe_size": "42.5", "hobbies": ["Chess", "Golf"]}
    errors = await list_errors(contacts, tenant.rep, job["id"])
    assert [line.split(",")[:2] for line in errors] == [["3", "CF_Shoe_Size; Games"], ["4", "CF_Shoe_Size"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
async def test_the_encoding_is_found(contacts: Kit, tenant: SeededTenant, encoding: str) -> None:
    file = "Vorname\tNachname\r\nZoë\tGroß\r\nJürgen\tMüller\r\n".encode(encoding)
    job = await run_import(contacts, tenant.rep, file)

    assert counts(job) == [2, 2, 0, 0, 0]
    found = await walk_pages(contacts.client(tenant.rep), "/v1/contacts")
    assert {one["last_name"] for one in found} == {"Groß", "Müller"}
