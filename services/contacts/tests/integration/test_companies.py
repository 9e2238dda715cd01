"""Companies through the API."""

from typing import Any

import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.contracts.states import CompanyState
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]


async def test_a_company_lives_and_is_told_of(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    facts = {"name": "Acme", "industry": "Tools", "website": "acme.com/about", "tags": ["key"]}

    answer = await client.post("/v1/companies", json=facts | {"domain": "https://www.ACME.com/", "size": 250})

    created = require_ok(answer, 201)
    CompanyState.model_validate(created, extra="forbid")
    assert created == facts | {
        "id": created["id"],
        "version": 1,
        "domain": "acme.com",
        "size": "250",
        "owner_id": str(tenant.rep.id),
        "custom_data": {},
        "deleted_at": None,
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    path = f"/v1/companies/{created['id']}"
    edited = require_ok(await client.patch(path, json={"name": "Acme Corp", "size": None}))
    assert require_ok(await client.patch(path, json={"name": "Acme Corp", "domain": "acme.com"})) == edited
    require_problem(await client.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'}), 412, "stale-version")
    require_problem(await client.delete(path, headers={"If-Match": '"1"'}), 412, "stale-version")
    assert (await client.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    require_problem(await client.get(path), 404, "not-found")
    events = await contacts.take_events(tenant.id)
    assert [(event.type, event.version) for event in events] == [
        ("crm.company.created", 1),
        ("crm.company.updated", 2),
        ("crm.company.deleted", 3),
    ]
    assert [event.state for event in events[:2]] == [created, edited]


async def test_a_domain_is_one_companys_however_it_is_written(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    first = require_ok(await client.post("/v1/companies", json={"name": "Acme", "domain": "acme.com"}), 201)
    second = require_ok(await client.post("/v1/companies", json={"name": "Beta"}), 201)

    for answer in (
        await client.post("/v1/companies", json={"name": "Acme", "domain": "http://WWW.acme.COM/x"}),
        await client.patch(f"/v1/companies/{second['id']}", json={"domain": "acme.com."}),
    ):
        assert require_problem(answer, 409, "duplicate-domain")["existing_id"] == first["id"]
    await client.delete(f"/v1/companies/{first['id']}")
    taken = await client.patch(f"/v1/companies/{second['id']}", json={"domain": "acme.com"})
    assert require_ok(taken)["domain"] == "acme.com"
    require_ok(await client.post("/v1/companies", json={"name": "No domain"}), 201)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": None}, ["/name"]),
        ({"name": " "}, ["/name"]),
        ({"name": "Acme", "domain": "acme"}, ["/domain"]),
        ({"name": "Acme", "website": "javascript:alert(1)"}, ["/website"]),
        ({"name": "Acme", "size": True}, ["/size"]),
        ({"name": "Acme", "size": 1.5}, ["/size"]),
        ({"name": "Acme", "tags": [1]}, ["/tags/0"]),
        ({"name": "Acme", "colour": "red"}, ["/colour"]),
    ],
)
async def test_a_wrong_field_is_named(
    contacts: Contacts, tenant: SeededTenant, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = await contacts.client(tenant.rep).post("/v1/companies", json=body)

    require_problem(answer, 422, "invalid-field", *pointers)


async def test_owner_and_custom_fields_are_checked(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    client = contacts.client(tenant.rep)
    path = f"/v1/companies/{require_ok(await client.post('/v1/companies', json={'name': 'Acme'}), 201)['id']}"

    for call, at in ((client.post, "/v1/companies"), (client.patch, path)):
        answer = await call(at, json={"name": "Acme", "owner_id": str(neighbour.rep.id)})
        require_problem(answer, 422, "unknown-reference", "/owner_id")
        answer = await call(at, json={"name": "Acme", "custom_data": {"tier": 1}})
        require_problem(answer, 422, "unknown-custom-field", "/custom_data/tier")
    given = require_ok(await client.patch(path, json={"owner_id": str(tenant.other_rep.id)}))
    assert given["owner_id"] == str(tenant.other_rep.id)
    require_problem(await client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["Beta", "acme"]),
        ({"sort": "name"}, ["acme", "Beta"]),
        ({"sort": "-name"}, ["Beta", "acme"]),
        ({"domain": "https://ACME.com"}, ["acme"]),
        ({"industry": "Tools"}, ["acme"]),
        ({"tag": "key"}, ["Beta"]),
        ({"q": "AC"}, ["acme"]),
        ({"q": "acme.c"}, ["acme"]),
        ({"q": "b"}, ["Beta"]),
        ({"updated_since": "2199-01-01T00:00:00Z"}, []),
    ],
)
async def test_a_filter_leaves_what_fits(
    contacts: Contacts, tenant: SeededTenant, parameters: dict[str, str], expected: list[str]
) -> None:
    client = contacts.client(tenant.rep)
    for body in ({"name": "acme", "domain": "acme.com", "industry": "Tools"}, {"name": "Beta", "tags": ["key"]}):
        require_ok(await client.post("/v1/companies", json=body), 201)

    found = await walk_pages(client, "/v1/companies", limit=1, owner_id=str(tenant.rep.id), **parameters)

    assert [company["name"] for company in found] == expected
