"""What a share lets whom do: each endpoint on a contact, with each share, for each role and for other tenants."""

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


@dataclass(frozen=True)
class Endpoint:
    """`needs` is the right that it takes."""

    needs: str
    method: str
    path: str
    body: Any = None
    status: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.path} {'' if self.body is None else ','.join(self.body)}".strip()


ENDPOINTS = [
    Endpoint("READ", "GET", "/v1/contacts/{contact}"),
    Endpoint("READ", "GET", "/v1/contacts/{contact}/shares"),
    Endpoint("READ", "GET", "/v1/contacts/{contact}/shares/{someone}"),
    Endpoint("READ", "GET", "/v1/contacts/{contact}/changes"),
    Endpoint("READ", "GET", "/v1/contacts/{contact}/duplicates"),
    Endpoint("WRITE", "PATCH", "/v1/contacts/{contact}", {"job_title": "Buyer"}),
    Endpoint("WRITE", "PATCH", "/v1/contacts/{contact}", {"owner_id": "{owner}"}),  # whose it is already
    Endpoint("WRITE", "PUT", "/v1/contacts/{contact}/tags/vip"),
    Endpoint("WRITE", "DELETE", "/v1/contacts/{contact}/tags/vip", status=204),
    Endpoint("GOVERN", "PATCH", "/v1/contacts/{contact}", {"owner_id": "{someone}"}),
    Endpoint("GOVERN", "POST", "/v1/contacts/{contact}/shares", {"user_id": "{someone}", "permission": "WRITE"}),
    Endpoint("GOVERN", "DELETE", "/v1/contacts/{contact}/shares/{someone}", status=204),
    Endpoint("GOVERN", "POST", "/v1/contacts/{contact}/merge", {"other_id": "{other}"}),
    Endpoint("GOVERN", "DELETE", "/v1/contacts/{contact}", status=204),
]
RANKS = ("READ", "WRITE", "GOVERN")

# Whoever they are beside the share, and whatever it says: what they may do in the end. The contact is the REP's.
HELD = {
    ("other_rep", None): None,
    ("other_rep", "READ"): "READ",
    ("other_rep", "WRITE"): "WRITE",
    ("manager", "READ"): "GOVERN",  # the REP's manager needs no share, and one takes nothing away
    ("admin", "READ"): "GOVERN",
    ("lone manager", None): None,
    ("lone manager", "READ"): "READ",
    ("lone manager", "WRITE"): "WRITE",
}


async def seed_lone_manager(contacts: Contacts, tenant: SeededTenant) -> Person:
    """Make the other REP a MANAGER of nobody."""
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_users SET role = 'MANAGER' WHERE id = $1", tenant.other_rep.id)
    return tenant.other_rep


async def call(client: httpx.AsyncClient, endpoint: Endpoint, ids: dict[str, str]) -> httpx.Response:
    path = endpoint.path.format(**ids)
    if endpoint.body is None:
        return await client.request(endpoint.method, path)
    body = {name: value.format(**ids) for name, value in endpoint.body.items()}
    return await client.request(endpoint.method, path, json=body)


async def make_contact(contacts: Contacts, tenant: SeededTenant, *shares: tuple[Person, str]) -> dict[str, str]:
    """Make two contacts of the REP, shared alike; the first also with `someone`, whom endpoints act on."""
    client = contacts.client(tenant.rep)
    ids = {"owner": str(tenant.rep.id)}
    for name in ("contact", "other"):
        ids[name] = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)["id"]
    someone = {"email": f"someone@{ids['contact'][-12:]}.example", "full_name": "Someone", "role": "REP"}
    ids["someone"] = require_ok(await contacts.client(tenant.admin).post("/v1/users", json=someone), 201)["id"]
    await share(client, ids["contact"], ids["someone"], "READ")
    for person, permission in shares:
        for name in ("contact", "other"):
            await share(client, ids[name], str(person.id), permission)
    return ids


async def share(client: httpx.AsyncClient, contact_id: str, user_id: str, permission: str) -> None:
    body = {"user_id": user_id, "permission": permission}
    require_ok(await client.post(f"/v1/contacts/{contact_id}/shares", json=body), 201)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
async def test_what_each_share_allows(contacts: Contacts, tenant: SeededTenant, endpoint: Endpoint) -> None:
    for (who, permission), held in sorted(HELD.items(), key=str):
        is_lone = who == "lone manager"
        person = await seed_lone_manager(contacts, tenant) if is_lone else getattr(tenant, who)
        ids = await make_contact(contacts, tenant, *([(person, permission)] if permission else []))
        answer = await call(contacts.client(person), endpoint, ids)
        if held is None:
            require_problem(answer, 404, "not-found")
        elif RANKS.index(held) < RANKS.index(endpoint.needs):
            require_problem(answer, 403, "forbidden")
        else:
            assert answer.status_code in {endpoint.status, 201}, f"{who} {permission}: {answer.text}"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
async def test_a_share_with_a_stranger_can_not_be_made_and_would_not_help(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant, endpoint: Endpoint
) -> None:
    ids = await make_contact(contacts, tenant)
    async with contacts.database.begin_as_worker() as transaction:  # by nobody's hand, past every rule
        for person in neighbour.people:
            await transaction.execute(
                "INSERT INTO contact_shares VALUES ($1, $2, $3, 'WRITE'), ($4, $2, $3, 'WRITE')",
                *(tenant.id, person.id, ids["contact"], neighbour.id),
            )
    for person in neighbour.people:
        require_problem(await call(contacts.client(person), endpoint, ids), 404, "not-found")


@pytest.mark.parametrize("permission", ["READ", "WRITE"])
async def test_lists_hold_what_is_owned_and_what_is_shared_each_once(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant, permission: str
) -> None:
    made: dict[str, list[str]] = {}
    for name in ("admin", "manager", "rep", "other_rep"):
        client = contacts.client(getattr(tenant, name))
        made[name] = [
            require_ok(await client.post("/v1/contacts", json={"first_name": f"Zoë {name} {n}"}), 201)["id"]
            for n in range(3)
        ]
    for viewer in (tenant.manager, tenant.other_rep, tenant.admin):
        await share(contacts.client(tenant.rep), made["rep"][1], str(viewer.id), permission)
    await share(contacts.client(tenant.admin), made["admin"][0], str(tenant.other_rep.id), permission)
    await contacts.client(neighbour.rep).post("/v1/contacts", json={"first_name": "Zoë elsewhere"})

    expected = {
        "admin": [one for ids in made.values() for one in ids],
        "manager": made["manager"] + made["rep"],
        "rep": made["rep"],
        "other_rep": [*made["other_rep"], made["rep"][1], made["admin"][0]],
    }
    for name, ids in expected.items():
        client = contacts.client(getattr(tenant, name))
        for sort in ("created_at", "-created_at", "name", "-name", "updated_at", "-updated_at"):
            for limit in (1, 2, 200):
                found = await walk_pages(client, "/v1/contacts", sort=sort, limit=limit)
                assert sorted(one["id"] for one in found) == sorted(ids), (name, sort, limit)
                key = sort.removeprefix("-")
                values = [one["first_name"] if key == "name" else one[key] for one in found]
                assert values == sorted(values, reverse=sort.startswith("-")), (name, sort, limit)
    client = contacts.client(tenant.other_rep)
    of_rep = await walk_pages(client, "/v1/contacts", owner_id=str(tenant.rep.id), limit=1)
    assert [one["id"] for one in of_rep] == [made["rep"][1]]
    assert [one["id"] for one in await walk_pages(client, "/v1/contacts", q="zoë admin")] == [made["admin"][0]]
