"""Names sort as people sort them, and are found whatever their accents and case; pages hold while others write."""

import asyncio
from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

IN_ORDER = [
    "adler", "Ångström", "Ärger", "Eric", "Éric", "éric b", "Erica", "Lang", "Łuk", "Lux", "Öztürk", "Zorn",
    "Ипполит", "Йод",
]  # fmt: skip
NAMES = IN_ORDER[::2] + IN_ORDER[1::2]
LISTS = [("contacts", "last_name", "last_name"), ("contacts", "last_name", "name"), ("companies", "name", "name")]


async def make(client: httpx.AsyncClient, collection: str, bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        require_ok(await client.post(f"/v1/{collection}", json=body), 201)


@pytest.mark.parametrize("role", ["admin", "manager", "rep"])
async def test_lists_are_in_the_order_of_people(contacts: Contacts, tenant: SeededTenant, role: str) -> None:
    owner = {"owner_id": str(tenant.rep.id)}
    client = contacts.client(tenant.rep)
    await make(client, "contacts", [{"last_name": name, **owner} for name in NAMES])
    await make(client, "companies", [{"name": name, **owner} for name in NAMES])
    reader = contacts.client(getattr(tenant, role))

    for path, field, sort in (
        ("contacts", "last_name", "last_name"),
        ("contacts", "last_name", "name"),
        ("companies", "name", "name"),
    ):
        for limit in (200, 3):
            there = await walk_pages(reader, f"/v1/{path}", sort=sort, limit=limit)
            back = await walk_pages(reader, f"/v1/{path}", sort=f"-{sort}", limit=limit)
            assert [item[field] for item in there] == IN_ORDER
            assert [item[field] for item in back] == IN_ORDER[::-1]


async def test_users_are_in_the_order_of_people(contacts: Contacts, tenant: SeededTenant) -> None:
    mark = tenant.id.hex[-8:]
    people = [{"email": f"u{n}@{mark}.example", "full_name": name} for n, name in enumerate(NAMES)]
    admin = contacts.client(tenant.admin)
    await make(admin, "users", people)

    listed = await walk_pages(admin, "/v1/users", sort="full_name", limit=3)
    assert [user["full_name"] for user in listed if user["full_name"] in IN_ORDER] == IN_ORDER


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("andre", {"André", "Andre", "ANDREAS"}),
        ("ANDRÉ", {"André", "Andre", "ANDREAS"}),
        ("café", {"Cafe", "Café"}),
        ("cafe\u0301", {"Cafe", "Café"}),
        ("soren", {"Søren"}),
        ("Søren", {"Søren"}),
        ("sören", {"Søren"}),
        ("strasse", {"Straße"}),
        ("straße", {"Straße"}),
        ("йо", {"Йод"}),
        ("ио", set()),
        ("елка", {"Ёлка"}),
        ("ёлка", {"Ёлка"}),
        ("andr%", set()),
        ("ndre", set()),
    ],
)
async def test_a_beginning_is_found_whatever_its_accents_and_case(
    contacts: Contacts, tenant: SeededTenant, q: str, found: set[str]
) -> None:
    client = contacts.client(tenant.rep)
    names = ["André", "Andre", "ANDREAS", "Cafe", "Café", "Søren", "Straße", "Йод", "Ипполит", "Ёлка"]
    for path, field in (("contacts", "first_name"), ("contacts", "last_name"), ("companies", "name")):
        batch = {"mode": "create", "items": [{field: name} for name in names]}
        require_ok(await client.post(f"/v1/{path}/batch", json=batch), 207)

    people = require_ok(await client.get("/v1/contacts", params={"q": q}))["items"]
    assert {one["first_name"] or one["last_name"] for one in people} == found
    assert len(people) == 2 * len(found)
    assert {one["name"] for one in require_ok(await client.get("/v1/companies", params={"q": q}))["items"]} == found


async def test_an_address_is_found_by_its_beginning_too(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for email in ("andre@a.example", "andré.b@a.example", "other@a.example"):
        require_ok(await client.post("/v1/contacts", json={"email": email}), 201)
    require_ok(await client.post("/v1/companies", json={"name": "X", "domain": "müller.example"}), 201)

    for q in ("andre", "André", "ANDRE"):
        found = {one["email"] for one in require_ok(await client.get("/v1/contacts", params={"q": q}))["items"]}
        assert found == {"andre@a.example", "andré.b@a.example"}, q
    for q in ("muller.ex", "Müller"):
        assert len(require_ok(await client.get("/v1/companies", params={"q": q}))["items"]) == 1, q
    users = require_ok(await client.get("/v1/users", params={"q": tenant.rep.full_name.upper().replace("E", "É")}))
    assert str(tenant.rep.id) in {user["id"] for user in users["items"]}


async def test_a_walk_in_the_order_of_names_holds_while_others_write(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    letters = "aàáäbcçdeéêëfoòóöøsßuüzž"
    there = [{"last_name": f"{first}{second}"} for first in letters for second in "aäzß"]
    answer = require_ok(await client.post("/v1/contacts/batch", json={"mode": "create", "items": there}), 207)
    ids = {item["id"] for item in answer["items"]}
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            batch = [{"last_name": f"{first}ö"} for first in "aäzß"]
            require_ok(await client.post("/v1/contacts/batch", json={"mode": "create", "items": batch}), 207)

    writer = asyncio.create_task(write())
    for sort in ("last_name", "-last_name", "name"):
        walked = [item["id"] for item in await walk_pages(client, "/v1/contacts", sort=sort, limit=25)]
        assert len(walked) == len(set(walked))
        assert ids <= set(walked)
    done.set()
    await writer
