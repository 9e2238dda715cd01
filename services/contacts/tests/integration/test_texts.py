"""Text is one text wherever it comes in; names in paths lead nowhere else; what nobody could read is refused."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.contacts.tests.integration.importing import counts, list_errors, run_import

from crm_contacts.settings import ContactsSettings
from crm_contacts.tags import to_tag
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

WRITTEN, KEPT = "Cafe\u0301", "Caf\u00e9"


async def find(client: httpx.AsyncClient, collection: str = "contacts", **parameters: Any) -> list[str]:
    answer = require_ok(await client.get(f"/v1/{collection}", params=parameters))
    return [item["id"] for item in answer["items"]]


async def test_what_a_field_takes_its_filter_finds(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for key, kind in (
        ("note", "TEXT"),
        ("size", "NUMBER"),
        ("born", "DATE"),
        ("tier", "SELECT"),
        ("likes", "MULTI_SELECT"),
    ):
        options = {"options": ["gold", KEPT]} if "SELECT" in kind else {}
        body = {"entity_type": "CONTACT", "key": key, "label": key, "field_type": kind, **options}
        require_ok(await contacts.client(tenant.admin).post("/v1/custom-fields", json=body), 201)
    custom_data: dict[str, Any] = {
        "note": f" {WRITTEN} ",
        "size": "4.50",
        "born": "2021-03-12",
        "tier": WRITTEN,
        "likes": [WRITTEN],
    }
    given: dict[str, Any] = {
        "email": "Info@xn--mller-kva.example",
        "phone": "030 901820",
        "external_id": f" {WRITTEN}-1 ",
        "tags": [f" {WRITTEN} "],
        "source": "INBOUND",
    }
    made = require_ok(await client.post("/v1/contacts", json={**given, "custom_data": custom_data}), 201)
    asked = {**given, "tag": given["tags"][0]} | {
        f"cf_{key}": value[0] if isinstance(value, list) else value for key, value in custom_data.items()
    }
    del asked["tags"]

    for name, value in asked.items():
        assert await find(client, **{name: value}) == [made["id"]], name
    for name, value in {"email": "info@müller.example", "phone": "+49 30 90-18-20", "cf_tier": KEPT.upper()}.items():
        assert await find(client, **{name: value}) == [made["id"]], name
    assert await find(client, email="nobody") == []

    company = require_ok(
        await client.post(
            "/v1/companies", json={"name": "Acme", "domain": "https://www.Müller.example/x", "industry": WRITTEN}
        ),
        201,
    )
    for name, value in {"domain": "xn--mller-kva.example", "industry": f" {WRITTEN}"}.items():
        assert await find(client, "companies", **{name: value}) == [company["id"]], name
    address = f"Idn.{tenant.id.hex[-6:]}@xn--mller-kva.example"
    user = require_ok(
        await contacts.client(tenant.admin).post("/v1/users", json={"email": address, "full_name": WRITTEN}), 201
    )
    assert user["full_name"] == KEPT
    assert await find(client, "users", email=address.lower()) == [user["id"]]


@pytest.mark.parametrize("mode", ["create", "upsert"])
async def test_a_batch_and_a_file_hold_the_same_text(contacts: Contacts, tenant: SeededTenant, mode: str) -> None:
    client = contacts.client(tenant.rep)
    items = [{"first_name": WRITTEN, "external_id": WRITTEN, "email": f"{mode}@a.example", "tags": [WRITTEN]}]
    body = {"mode": mode, "items": items} | ({"id_property": "external_id"} if mode == "upsert" else {})
    answer = await client.post(
        "/v1/contacts/batch", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert [item["status"] for item in answer.json()["items"]] == [201]

    file = f"Vorname\u0308,external_id,tags\n{WRITTEN},{WRITTEN},{WRITTEN};{KEPT}\n"
    job = await run_import(
        contacts,
        tenant.rep,
        file,
        mode="upsert",
        id_property="external_id",
        mapping={"Vorname\u0308": "first_name"},
    )

    assert counts(job) == [1, 0, 0, 1, 0]
    (contact,) = require_ok(await client.get("/v1/contacts", params={"tag": KEPT}))["items"]
    assert (contact["first_name"], contact["external_id"], contact["tags"]) == (KEPT, KEPT, [KEPT])


@pytest.mark.parametrize("tag", [".", "..", "a/b", "/", "a/../..", "..\\..", "%2e%2e"])
async def test_a_tag_that_is_a_way_is_refused_at_every_door(contacts: Contacts, tenant: SeededTenant, tag: str) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Dots"}), 201)
    path = f"/v1/contacts/{contact['id']}"

    require_problem(
        await client.post("/v1/contacts", json={"first_name": "x", "tags": [tag]}), 422, "invalid-field", "/tags/0"
    )
    require_problem(
        await client.post("/v1/companies", json={"name": "x", "tags": [tag]}), 422, "invalid-field", "/tags/0"
    )
    require_problem(await client.patch(path, json={"tags": ["fine", tag]}), 422, "invalid-field", "/tags/1")
    batch = {"mode": "create", "items": [{"first_name": "x", "tags": [tag]}]}
    assert (await client.post("/v1/contacts/batch", json=batch)).json()["items"][0]["status"] == 422
    job = await run_import(contacts, tenant.rep, f"first_name,tags\nx,{tag}\n")
    assert counts(job) == [1, 0, 0, 0, 1]
    if tag not in {".", ".."}:  # those no client would send
        require_problem(await client.put(f"{path}/tags/{quote(tag, safe='')}"), 422, "invalid-field", "/tags")
    assert require_ok(await client.get(path))["version"] == 1


WAYS = st.text(st.sampled_from("ab./\\%2eE5cC?#;~ é:@"), min_size=1, max_size=10)


async def test_no_tag_leads_to_another_route(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Dots"}), 201)
    path = f"/v1/contacts/{contact['id']}"
    tried: list[str] = []

    @settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(WAYS)
    def collect(text: str) -> None:
        try:
            tried.append(to_tag(text))
        except ValueError:
            return

    collect()
    assert len(tried) > 10
    for tag in dict.fromkeys(tried):
        for written in (tag, quote(tag, safe="")):
            await client.delete(f"{path}/tags/{written}", follow_redirects=True)
    assert require_ok(await client.get(path))["version"] == 1


async def test_a_tag_with_a_slash_from_before_is_found_and_taken_off(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Old"}), 201)
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE contacts SET tags = '{r&d/board}' WHERE id = $1", contact["id"])

    assert await find(client, tag="r&d/board") == [contact["id"]]
    assert (await client.delete(f"/v1/contacts/{contact['id']}/tags/r%26d%2Fboard")).status_code == 204
    assert require_ok(await client.get(f"/v1/contacts/{contact['id']}"))["tags"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"first_name": "\u200b"}, "/first_name"),
        ({"last_name": "a\u0007b"}, "/last_name"),
        ({"first_name": "A", "job_title": "Head of\nSales"}, "/job_title"),
        ({"first_name": "A", "external_id": "\u2060"}, "/external_id"),
        ({"phone": "4.479E+11"}, "/phone"),
        ({"phone": "4,479e11"}, "/phone"),
        ({"phone": "447911123456.0"}, "/phone"),
        ({"phone": "030\t901820"}, "/phone"),
    ],
)
async def test_what_nobody_could_read_or_dial_is_refused(
    contacts: Contacts, tenant: SeededTenant, body: dict[str, str], pointer: str
) -> None:
    require_problem(await contacts.client(tenant.rep).post("/v1/contacts", json=body), 422, "invalid-field", pointer)
    name, value = list(body.items())[-1]
    quoted = value.replace('"', '""')
    job = await run_import(contacts, tenant.rep, f'email,{name}\nx@a.example,"{quoted}"\n')
    assert counts(job) == [1, 0, 0, 0, 1]
    (line,) = await list_lines(contacts, tenant, job["id"])
    assert line.startswith(f"2,{name},")


async def list_lines(contacts: Contacts, tenant: SeededTenant, import_id: str) -> list[str]:
    lines = await list_errors(contacts, tenant.rep, import_id)
    return [line for line in lines if re.match(r"\d+,", line)]


async def test_a_weakened_etag_is_a_version(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Etag"}), 201)
    path = f"/v1/contacts/{contact['id']}"

    require_ok(await client.patch(path, json={"job_title": "x"}, headers={"If-Match": 'W/"1"'}))
    require_problem(await client.patch(path, json={"job_title": "y"}, headers={"If-Match": 'W/"1"'}), 412)
    require_ok(await client.patch(path, json={"job_title": "y"}, headers={"If-Match": '"9", W/"2"'}))
