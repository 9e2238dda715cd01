"""What was downloaded comes back: edited exports change what was edited, mended rows become what they were."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from services.contacts.tests.integration.importing import Kit, counts, list_errors, run_import, upload

from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def fetch(kit: Kit, tenant: SeededTenant, path: str) -> list[dict[str, str]]:
    answer = await kit.client(tenant.admin).get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def details(job: Mapping[str, Any], column: str) -> str:
    return "; ".join(one["detail"] for one in job["warnings"] if one["column"] == column)


async def test_a_mended_row_keeps_its_other_cells(contacts: Kit, tenant: SeededTenant) -> None:
    file = "last_name,job_title,phone,+source,external_id\n'=1+1,''=2,'+14155552671,NOWHERE,=3\n"
    form: dict[str, Any] = {"mapping": {"+source": "source"}}
    job = await run_import(contacts, tenant.admin, file, **form)
    errors = f"/v1/imports/{job['id']}/errors.csv"
    for _ in range(2):  # however often it comes back unmended
        (row,) = await fetch(contacts, tenant, errors)
        assert (row["last_name"], row["job_title"], row["phone"]) == ("'=1+1", "''=2", "'+14155552671")
        job = await run_import(contacts, tenant.admin, to_csv([row]), **form)
        assert counts(job) == [1, 0, 0, 0, 1]
        errors = f"/v1/imports/{job['id']}/errors.csv"
    (row,) = await fetch(contacts, tenant, errors)
    mended = to_csv([{**row, "'+source": "INBOUND"}])
    assert counts(await run_import(contacts, tenant.admin, mended, **form)) == [1, 1, 0, 0, 0]
    (found,) = await walk_pages(contacts.client(tenant.admin), "/v1/contacts")
    assert (found["last_name"], found["job_title"], found["phone"], found["external_id"]) == (
        "=1+1", "'=2", "+14155552671", "=3",
    )  # fmt: skip


async def test_a_line_that_could_not_be_read_stands_whole_and_does_not_pass(
    contacts: Kit, tenant: SeededTenant
) -> None:
    broken = '"Bo" the "one", x,INBOUND'
    job = await run_import(contacts, tenant.admin, f"first_name,job_title,source\n{broken}\nAnn,b,INBOUND\n")
    assert counts(job) == [2, 1, 0, 0, 1]
    (line,) = await list_errors(contacts, tenant.admin, job["id"])
    (cells,) = csv.reader([line])
    assert cells[4:] == ["", "", "", broken]
    header = "line,field,reason,import_row,first_name,job_title,source\n"
    assert counts(await run_import(contacts, tenant.admin, header + line + "\n")) == [1, 0, 0, 0, 1]
    mended = ",".join(["2", "", "", cells[3], "Bo", "x", "INBOUND"])
    assert counts(await run_import(contacts, tenant.admin, header + mended + "\n")) == [1, 1, 0, 0, 0]


async def test_an_edited_name_counts_beside_an_unchanged_id(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.admin)
    acme, other = [
        require_ok(await client.post("/v1/companies", json={"name": name}), 201) for name in ("Acme", "Other")
    ]
    for name in ("Ann", "Bo", "Cy", "Di"):
        body = {"first_name": name, "company_id": None if name == "Bo" else acme["id"]}
        require_ok(await client.post("/v1/contacts", json=body), 201)
    rows = {row["first_name"]: row for row in await fetch(contacts, tenant, "/v1/exports/contacts.csv")}
    rows["Ann"] |= {"company": "Other", "owner": tenant.rep.email}
    rows["Bo"]["company"] = "Other"
    rows["Cy"] |= {"company_id": other["id"], "company": "Other", "created_at": "2001-01-01T00:00:00Z"}
    rows["Di"] |= {"company_id": other["id"], "owner_id": str(tenant.rep.id), "owner": tenant.manager.email}
    job = await run_import(contacts, tenant.admin, to_csv(list(rows.values())), mode="update")

    assert counts(job) == [4, 0, 3, 0, 1]
    (error,) = await list_errors(contacts, tenant.admin, job["id"])
    assert "names another than owner_id does" in error
    found = {one["first_name"]: one for one in await walk_pages(client, "/v1/contacts")}
    assert [found[name]["company_id"] for name in ("Ann", "Bo", "Cy", "Di")] == [other["id"]] * 3 + [acme["id"]]
    assert found["Ann"]["owner_id"] == str(tenant.rep.id)
    assert "some cells differ" in details(job, "created_at")


@pytest.mark.parametrize(
    "form", [{}, {"match_by": "external_id,email,phone"}, {"id_property": "id"}], ids=["usual", "match_by", "id"]
)
async def test_an_export_sent_back_as_upsert_doubles_nobody(
    contacts: Kit, tenant: SeededTenant, form: dict[str, Any]
) -> None:
    client = contacts.client(tenant.admin)
    for body in ({"first_name": "Ann"}, {"first_name": "Bo", "email": "bo@t.example"}):
        require_ok(await client.post("/v1/contacts", json=body), 201)
    require_ok(await client.post("/v1/companies", json={"name": "No Domain"}), 201)
    rows = await fetch(contacts, tenant, "/v1/exports/contacts.csv")
    added = {**dict.fromkeys(rows[0], ""), "first_name": "New"}
    rows = [{**row, "job_title": "CEO"} for row in [*rows, added]]
    job = await run_import(contacts, tenant.admin, to_csv(rows), mode="upsert", **form)
    assert counts(job) == [3, 1, 2, 0, 0]
    assert ("found by their ids" in details(job, "id")) == ("match_by" in form)
    if "match_by" not in form:
        companies = [{**row, "size": "9"} for row in await fetch(contacts, tenant, "/v1/exports/companies.csv")]
        job = await run_import(contacts, tenant.admin, to_csv(companies), mode="upsert", entity_type="COMPANY", **form)
        assert counts(job) == [1, 0, 1, 0, 0]


async def test_each_column_that_is_left_out_is_named(contacts: Kit, tenant: SeededTenant) -> None:
    file = "Prénom,ID,,email\nAnn,17,lost,a@t.example\n"
    job = await run_import(contacts, tenant.admin, file, mode="upsert")
    assert (counts(job), job["mapping"]["Prénom"]) == ([1, 1, 0, 0, 0], "first_name")
    assert "can be id" in details(job, "ID")
    assert "column 3 has no name" in details(job, "")
    created = await run_import(contacts, tenant.admin, f"id,first_name\n{tenant.id},Bo\n")
    assert "given by us" in details(created, "id")


async def test_what_a_form_states_wrongly_is_told(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.admin)
    require_problem(await upload(client, "email\na@t.example\n", delimiter="\n"), 422, None, "/delimiter")
    job = require_ok(await upload(client, "first_name\nZoë\n", encoding="windows-1252"), 201)
    assert "utf-8" in details(job, "")
    few = await run_import(contacts, tenant.admin, 'first_name,job_title\nAnn,"CEO\nBo,CFO"\n')
    assert "is a quote never closed" in details(few, "job_title")
