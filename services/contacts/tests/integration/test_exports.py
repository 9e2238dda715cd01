"""Exports: what the lists show, whole, and what an import takes back."""

import csv
import io
from typing import Any

import httpx
import pytest
from services.contacts.tests.integration.importing import Kit, counts, run_import

from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

UNSTABLE = {"id", "version", "created_at", "updated_at"}


def read(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def stable(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = [{name: one[name] for name in one.keys() - UNSTABLE} for one in records]
    return sorted(kept, key=lambda one: str(one.get("external_id") or one.get("domain")))


async def test_an_export_comes_back_as_it_was(contacts: Kit, tenant: SeededTenant) -> None:
    admin, client = contacts.client(tenant.admin), contacts.client(tenant.rep)
    definitions = (
        {"key": "score", "label": "Score", "field_type": "NUMBER"},
        {"key": "hobbies", "label": "Hobbies", "field_type": "MULTI_SELECT", "options": ["Chess", "Golf"]},
        {"key": "remarks", "label": "Remarks", "field_type": "TEXT"},
    )
    for definition in definitions:
        require_ok(await admin.post("/v1/custom-fields", json={"entity_type": "CONTACT", **definition}), 201)
    acme = require_ok(await client.post("/v1/companies", json={"name": "=Acme", "domain": "acme.example"}), 201)
    people = (
        {"first_name": "=1+1", "last_name": "O'Neil, \"Bo\"", "phone": "+49 30 901820", "external_id": "A",
         "tags": ["vip", "@home"], "custom_data": {"score": "-4.5", "hobbies": ["Chess", "Golf"]}},
        {"first_name": "'=quoted", "email": "zoe@acme.example", "company_id": acme["id"], "external_id": "B",
         "job_title": "Zoë; and, more", "source": "INBOUND", "custom_data": {"remarks": "Zoë\r\nand more"}},
    )  # fmt: skip
    for body in people:
        require_ok(await client.post("/v1/contacts", json=body), 201)
    answer = await client.get("/v1/exports/contacts.csv")
    before = await walk_pages(client, "/v1/contacts")
    assert not [cell for row in read(answer) for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    for contact in before:
        await client.delete(f"/v1/contacts/{contact['id']}")

    job = await run_import(contacts, tenant.rep, answer.content)
    assert counts(job) == [2, 2, 0, 0, 0]
    assert stable(await walk_pages(client, "/v1/contacts")) == stable(before)
    answer = await client.get("/v1/exports/contacts.csv")
    job = await run_import(contacts, tenant.rep, answer.content, mode="update")
    assert counts(job) == [2, 0, 0, 2, 0]
    companies = await client.get("/v1/exports/companies.csv")
    assert [(row["name"], row["domain"]) for row in read(companies)] == [("'=Acme", "acme.example")]
    job = await run_import(contacts, tenant.rep, companies.content, entity_type="COMPANY", mode="update")
    assert counts(job) == [1, 0, 0, 1, 0]


async def test_each_exports_what_they_see(contacts: Kit, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    for person in (tenant.rep, tenant.other_rep, tenant.manager):
        body = {"first_name": person.full_name, "source": "INBOUND" if person is tenant.rep else None}
        require_ok(await contacts.client(person).post("/v1/contacts", json=body), 201)
    shown = {}
    for person in (*tenant.people, neighbour.admin):
        rows = read(await contacts.client(person).get("/v1/exports/contacts.csv", params={"sort": "name"}))
        shown[person.full_name, person.tenant_id] = [row["first_name"] for row in rows]
    mia, otto, rae = "Mia Manager", "Otto Other", "Rae Rep"
    assert list(shown.values()) == [[mia, otto, rae], [mia, rae], [rae], [otto], []]
    client = contacts.client(tenant.admin)
    (row,) = read(await client.get("/v1/exports/contacts.csv", params={"source": "INBOUND"}))
    assert row["owner"] == tenant.rep.email
    found = (await contacts.client(tenant.rep).get("/v1/contacts")).json()["items"][0]
    path = f"/v1/contacts/{found['id']}/shares"
    share = {"user_id": str(tenant.other_rep.id), "permission": "READ"}
    assert (await contacts.client(tenant.rep).post(path, json=share)).status_code in {200, 201}
    rows = read(await contacts.client(tenant.other_rep).get("/v1/exports/contacts.csv", params={"sort": "name"}))
    assert [row["first_name"] for row in rows] == [otto, rae]


async def test_an_export_is_read_page_by_page(contacts: Kit, tenant: SeededTenant) -> None:
    rows = 2500
    file = "first_name,external_id\n" + "".join(f"P{number % 3},{number}\n" for number in range(rows))
    assert counts(await run_import(contacts, tenant.rep, file)) == [rows, rows, 0, 0, 0]

    found = read(await contacts.client(tenant.rep).get("/v1/exports/contacts.csv", params={"sort": "name"}))
    assert len({row["external_id"] for row in found}) == len(found) == rows
    assert [row["first_name"] for row in found] == sorted(row["first_name"] for row in found)


async def test_wrong_parameters_are_named(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for name in ("limit", "cursor", "nickname", "cf_unknown"):
        answer = await client.get("/v1/exports/contacts.csv", params={name: "5"})
        require_problem(answer, 422, None, f"?{name}")
    require_problem(await client.get("/v1/exports/deals.csv"), 404)
