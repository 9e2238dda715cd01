"""Nothing of a file is changed or lost in silence: what can't be read is named, what was guessed is told."""

from typing import Any

import pytest
from services.contacts.tests.integration.importing import Kit, counts, list_errors, revert, run_import

from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

HEADER = "First Name,Email,Job Title\n"


async def names(kit: Kit, tenant: SeededTenant) -> set[str]:
    return {one["first_name"] for one in await walk_pages(kit.client(tenant.rep), "/v1/contacts")}


async def test_a_stray_quote_swallows_nobody(contacts: Kit, tenant: SeededTenant) -> None:
    file = HEADER + (
        'A,q1@t.example,ok\nB,q2@t.example,"never closed\nC,q3@t.example,ok\nE,q5@t.example,"closed later"\n'
        "F,q6@t.example,ok\n"
    )
    job = await run_import(contacts, tenant.rep, file)
    assert counts(job) == [5, 2, 0, 0, 3]
    assert await names(contacts, tenant) == {"A", "F"}
    errors = await list_errors(contacts, tenant.rep, job["id"])
    assert [line.split(",")[0] for line in errors] == ["3", "4", "5"]
    assert "C,q3@t.example,ok" in errors[1]

    open_end = HEADER + 'G,q7@t.example,ok\nH,q8@t.example,"never closed\nI,q9@t.example,ok\n'
    assert counts(await run_import(contacts, tenant.rep, open_end)) == [3, 1, 0, 0, 2]
    chance = HEADER + 'J,q10@t.example,"open\nK,q11@t.example,ok\nL,q12@t.example,"\n'
    assert counts(await run_import(contacts, tenant.rep, chance))[1] == 0
    assert await names(contacts, tenant) == {"A", "F", "G"}


async def test_one_wrong_byte_changes_no_other_name(contacts: Kit, tenant: SeededTenant) -> None:
    mixed = HEADER.encode() + "Zoë,z1@t.example,\n".encode() + b"Ren\xe9,z2@t.example,\n"
    job = await run_import(contacts, tenant.rep, mixed)
    assert counts(job) == [2, 1, 0, 0, 1]
    assert "a guess" in job["warnings"][0]["detail"]
    stated = HEADER.encode() + b"Ren\xe9,z3@t.example,\n"
    job = await run_import(contacts, tenant.rep, stated, encoding="utf-8")
    (error,) = await list_errors(contacts, tenant.rep, job["id"])
    assert "holds the byte E9" in error
    assert counts(await run_import(contacts, tenant.rep, HEADER.encode() + b"\x81,z4@t.example,\n"))[4] == 1
    guessed = HEADER.encode() + "Zoë,z5@t.example,\n".encode() + b"\xc9lo\xefse,z6@t.example,\n"
    job = await run_import(contacts, tenant.rep, guessed)  # more wrong bytes than letters: Windows-1252
    assert (job["encoding"], counts(job)) == ("windows-1252", [2, 1, 0, 0, 1])
    assert await names(contacts, tenant) == {"Zoë", "Éloïse"}


@pytest.mark.parametrize(
    ("born", "size", "fields", "expected"),
    [
        ("12.03.2021", "4,5", {}, ("2021-03-12", "4.5")),
        ("03/04/2021", "1,234", {"date_format": "MM/DD/YYYY", "decimal_mark": "."}, ("2021-03-04", "1234")),
        ("03/04/2021", "1.234", {"date_format": "dd/mm/yyyy", "decimal_mark": ","}, ("2021-04-03", "1234")),
        ("2021-03-12", "1234.5", {}, ("2021-03-12", "1234.5")),
    ],
    ids=["found", "american", "european", "ours"],
)
async def test_a_files_own_forms(
    contacts: Kit, tenant: SeededTenant, born: str, size: str, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    admin = contacts.client(tenant.admin)
    for key, kind in (("born", "DATE"), ("size", "NUMBER")):
        body = {"entity_type": "CONTACT", "key": key, "label": key.title(), "field_type": kind}
        require_ok(await admin.post("/v1/custom-fields", json=body), 201)
    file = f'First Name;Born;Size;Tags\nMend;{born};"{size}";"a|b"\n'
    job = await run_import(contacts, tenant.rep, file, value_separator="|", **fields)

    assert counts(job) == [1, 1, 0, 0, 0], await list_errors(contacts, tenant.rep, job["id"])
    (found,) = await walk_pages(contacts.client(tenant.rep), "/v1/contacts")
    assert (found["custom_data"]["born"], found["custom_data"]["size"]) == expected
    assert found["tags"] == ["a", "b"]


async def test_a_form_that_the_column_does_not_decide_fails_its_rows(contacts: Kit, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    body = {"entity_type": "CONTACT", "key": "born", "label": "Born", "field_type": "DATE"}
    require_ok(await admin.post("/v1/custom-fields", json=body), 201)
    job = await run_import(contacts, tenant.rep, "First Name,Born\nA,03/04/2021\nB,05/06/2021\n")
    assert counts(job) == [2, 0, 0, 0, 2]
    decided = await run_import(contacts, tenant.rep, "First Name,Born\nA,03/04/2021\nB,25/06/2021\n")
    assert counts(decided) == [2, 2, 0, 0, 0]
    assert any(one["column"] == "Born" for one in decided["warnings"])


async def test_people_are_found_by_several_properties_in_order(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for body in (
        {"first_name": "Ann", "external_id": "X1"},
        {"first_name": "Bo", "email": "bo@t.example"},
        {"first_name": "Cy", "last_name": "Dee", "phone": "+1 415 555 2671"},
    ):
        require_ok(await client.post("/v1/contacts", json=body), 201)
    file = (
        "external_id,email,phone,first_name,last_name,job_title\n"
        "X1,ann@t.example,,Ann,,One\n,BO@t.example,,Bo,,Two\n,,001 (415) 555-2671,cy,dee,Three\n,,,Eve,,Four\n"
    )
    job = await run_import(contacts, tenant.rep, file, mode="upsert", match_by="external_id,email,phone")
    assert counts(job) == [4, 1, 3, 0, 0]
    found = {one["first_name"]: one for one in await walk_pages(client, "/v1/contacts")}
    assert {name: one["job_title"] for name, one in found.items()} == {
        "Ann": "One", "Bo": "Two", "Cy": "Three", "Eve": "Four"
    }  # fmt: skip
    assert (found["Ann"]["email"], found["Bo"]["email"], found["Cy"]["version"]) == ("ann@t.example", "bo@t.example", 2)


async def test_a_character_that_can_not_be_stored_fails_its_row_alone(contacts: Kit, tenant: SeededTenant) -> None:
    file = "first_name,phone,company,Contact owner\nAnn,,,\nBo,,x\x00y,\nx\x00y,+1 415 555 2671,,\nCy,,,x\x00y\n"
    fields = {"mode": "upsert", "match_by": "phone"}
    job = await run_import(contacts, tenant.rep, file, mapping={"Contact owner": "owner"}, **fields)
    assert (job["status"], counts(job)) == ("COMPLETED", [4, 1, 0, 0, 3])
    guessed = await run_import(contacts, tenant.rep, file, **fields)
    assert guessed["status"] == "COMPLETED"


async def test_an_upsert_makes_nobody_by_an_id_and_nobody_twice_by_a_phone(contacts: Kit, tenant: SeededTenant) -> None:
    theirs = {"first_name": "Bo", "phone": "+1 415 555 2671"}
    other = require_ok(await contacts.client(tenant.other_rep).post("/v1/contacts", json=theirs), 201)
    file = (
        "id,phone,first_name\n"
        f"{other['id']},,Bo\n{tenant.id},,Nobody\n,+1 415 555 2671,Ann\n,001 415 555 2671,ANN\n,,Eve\n"
    )
    for chunk_rows, expected in ((1, [5, 2, 0, 0, 3]), (5, [5, 1, 0, 1, 3])):
        job = await run_import(contacts, tenant.rep, file, mode="upsert", match_by="id,phone", chunk_rows=chunk_rows)
        assert counts(job) == expected, await list_errors(contacts, tenant.rep, job["id"])
    assert sorted([one["first_name"] for one in await walk_pages(contacts.client(tenant.rep), "/v1/contacts")]) == [
        "Ann", "Eve", "Eve",
    ]  # fmt: skip


async def test_an_import_that_made_companies_is_taken_back_with_them(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    job = await run_import(contacts, tenant.rep, "first_name,company\nA,Acme\nB,Bolt\n", on_missing_company="create")
    bolt = next(one for one in await walk_pages(client, "/v1/companies") if one["name"] == "Bolt")
    require_ok(await client.post("/v1/contacts", json={"first_name": "Own", "company_id": bolt["id"]}), 201)
    back = await revert(contacts, tenant.rep, job["id"])
    assert back["reverted"] == {"deleted": 3, "restored": 0, "kept": 1}
    assert [one["name"] for one in await walk_pages(client, "/v1/companies")] == ["Bolt"]
