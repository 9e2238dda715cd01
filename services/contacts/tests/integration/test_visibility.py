"""Who may do what to whose: each endpoint, with each role, within the tenant and across two."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

SEES = {
    "admin": {"admin", "manager", "rep", "other_rep"},
    "manager": {"manager", "rep"},
    "rep": {"rep"},
    "other_rep": {"other_rep"},
}
"""Viewer -> owners whose records they see and may write."""


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    body: Any = None
    status: int = 200


ON_A_RECORD = [
    Endpoint("GET", "/v1/contacts/{contact}"),
    Endpoint("PATCH", "/v1/contacts/{contact}", {"job_title": "Buyer"}),
    Endpoint("PUT", "/v1/contacts/{contact}/tags/vip"),
    Endpoint("DELETE", "/v1/contacts/{contact}/tags/vip", status=204),
    Endpoint("DELETE", "/v1/contacts/{contact}", status=204),
    Endpoint("GET", "/v1/companies/{company}"),
    Endpoint("PATCH", "/v1/companies/{company}", {"industry": "Tools"}),
    Endpoint("DELETE", "/v1/companies/{company}", status=204),
]


def person_of(tenant: SeededTenant, role: str) -> Person:
    person: Person = getattr(tenant, role)
    return person


async def make_records(contacts: Contacts, owner: Person) -> dict[str, str]:
    client = contacts.client(owner)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    return {"contact": contact["id"], "company": company["id"]}


async def call(client: httpx.AsyncClient, endpoint: Endpoint, ids: dict[str, str]) -> httpx.Response:
    body = {} if endpoint.body is None else {"json": endpoint.body}
    return await client.request(endpoint.method, endpoint.path.format(**ids), **body)


@pytest.mark.parametrize("endpoint", ON_A_RECORD, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
@pytest.mark.parametrize("viewer", SEES)
async def test_a_record_is_there_for_those_who_see_its_owner(
    contacts: Contacts, tenant: SeededTenant, viewer: str, endpoint: Endpoint
) -> None:
    client = contacts.client(person_of(tenant, viewer))
    for owner in SEES:
        answer = await call(client, endpoint, await make_records(contacts, person_of(tenant, owner)))
        if owner in SEES[viewer]:
            assert answer.status_code == endpoint.status, answer.text
        else:
            require_problem(answer, 404, "not-found")


@pytest.mark.parametrize("endpoint", ON_A_RECORD, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_another_tenants_record_is_not_there_for_anyone(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant, endpoint: Endpoint
) -> None:
    ids = await make_records(contacts, neighbour.rep)

    for viewer in SEES:
        require_problem(await call(contacts.client(person_of(tenant, viewer)), endpoint, ids), 404, "not-found")


async def test_a_merge_is_there_for_those_who_see_one_of_its_contacts(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    await make_merge(contacts, neighbour.admin, neighbour.rep, neighbour.rep)
    pairs = {(one, one) for one in SEES} | {("rep", "other_rep"), ("other_rep", "rep"), ("manager", "other_rep")}
    merges = {
        await make_merge(contacts, tenant.admin, person_of(tenant, one), person_of(tenant, other)): {one, other}
        for one, other in sorted(pairs)
    }

    for viewer, owners in SEES.items():
        client = contacts.client(person_of(tenant, viewer))
        seen = {merge for merge, between in merges.items() if between & owners}
        assert {merge["id"] for merge in await walk_pages(client, "/v1/merges", limit=2)} == seen, viewer
        for merge in merges:
            answer = await client.get(f"/v1/merges/{merge}")
            assert answer.status_code == (200 if merge in seen else 404), viewer
            if merge not in seen:
                require_problem(await client.post(f"/v1/merges/{merge}/undo"), 404, "not-found")


async def make_merge(contacts: Contacts, admin: Person, survivors: Person, others: Person) -> str:
    survivor, other = [await make_records(contacts, owner) for owner in (survivors, others)]
    path, body = f"/v1/contacts/{survivor['contact']}/merge", {"other_id": other["contact"]}
    return str(require_ok(await contacts.client(admin).post(path, json=body))["merge_id"])


@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/companies"])
async def test_a_list_holds_what_its_reader_sees(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant, path: str
) -> None:
    await make_records(contacts, neighbour.rep)
    owners = {str(person_of(tenant, owner).id): owner for owner in SEES}
    for owner in SEES:
        await make_records(contacts, person_of(tenant, owner))

    for viewer, expected in SEES.items():
        client = contacts.client(person_of(tenant, viewer))
        for parameters in ({}, {"sort": "name"}, {"q": "z" if "contacts" in path else "a"}, {"sort": "updated_at"}):
            found = await walk_pages(client, path, limit=1, **parameters)
            assert sorted(owners[record["owner_id"]] for record in found) == sorted(expected)
        for owner_id, owner in owners.items():
            found = await walk_pages(client, path, owner_id=owner_id)
            assert len(found) == (1 if owner in expected else 0)


async def test_a_users_token_is_good_in_their_own_tenant_alone(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    stranger = contacts.issuer.sign(tenant.id, neighbour.admin.id)

    require_problem(await contacts.client_with(f"Bearer {stranger}").get("/v1/contacts"), 401, "unauthenticated")


async def test_no_table_is_open_to_other_tenants(contacts: Contacts) -> None:
    assert await contacts.list_unprotected() == []


async def test_every_moment_and_day_has_a_range_check(contacts: Contacts) -> None:
    assert await contacts.list_unchecked_times() == []
