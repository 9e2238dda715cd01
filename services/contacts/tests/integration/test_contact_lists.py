"""Lists: filters, orders, and a walk through pages while others write."""

from typing import Any

import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]


@pytest.fixture
async def people(contacts: Contacts, tenant: SeededTenant) -> dict[str, str]:
    """Three contacts: id -> name."""
    client = contacts.client(tenant.rep)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    bodies: list[dict[str, Any]] = [
        {"first_name": "Zoë", "last_name": "Okonkwo", "email": "zoe@acme.example", "phone": "030 901820",
         "company_id": company["id"], "source": "REFERRAL", "tags": ["vip", "board"], "external_id": "A-1"},
        {"first_name": "Ärne", "last_name": "van Dyk", "email": "arne@dyk.example", "phone": "12", "tags": ["vip"]},
        {"last_name": "zander", "source": "INBOUND"},
    ]  # fmt: skip
    names = {}
    for name, body in zip(("zoe", "arne", "zander"), bodies, strict=True):
        names[require_ok(await client.post("/v1/contacts", json=body), 201)["id"]] = name
    names["company"] = company["id"]
    return names


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["zander", "arne", "zoe"]),
        ({"sort": "created_at"}, ["zoe", "arne", "zander"]),
        ({"sort": "-updated_at"}, ["zander", "arne", "zoe"]),
        ({"sort": "name"}, ["arne", "zander", "zoe"]),  # ä < z < zo, whatever the case
        ({"sort": "-name"}, ["zoe", "zander", "arne"]),
        ({"tag": "vip"}, ["arne", "zoe"]),
        ({"tag": "VIP"}, []),
        ({"tag": ["vip", "board"]}, ["zoe"]),  # repeated: with all of them
        ({"tag": ["vip", "board", "gone"]}, []),
        ({"tag": "vip", "sort": "-name"}, ["zoe", "arne"]),
        ({"sort": "last_name"}, ["zoe", "arne", "zander"]),  # okonkwo, van dyk, zander
        ({"sort": "-last_name", "tag": "vip"}, ["arne", "zoe"]),
        ({"deleted": "true"}, []),
        ({"deleted": "false", "source": "REFERRAL"}, ["zoe"]),
        ({"source": "REFERRAL"}, ["zoe"]),
        ({"email": "ZOE@acme.example"}, ["zoe"]),
        ({"email": "nobody"}, []),
        ({"phone": "+49 (30) 90-18-20"}, ["zoe"]),
        ({"phone": "12"}, ["arne"]),
        ({"phone": "none"}, []),
        ({"external_id": "A-1"}, ["zoe"]),
        ({"q": "zo"}, ["zoe"]),
        ({"q": "ZOË  OKON"}, ["zoe"]),
        ({"q": "okonkwo z"}, ["zoe"]),
        ({"q": "z"}, ["zander", "zoe"]),
        ({"q": "ä"}, ["arne"]),
        ({"q": "ARNE"}, ["arne"]),
        ({"q": "zoe o"}, ["zoe"]),
        ({"q": "zöe@"}, ["zoe"]),  # an address too, however it was asked for
        ({"q": "dýk"}, []),
        ({"q": "van d"}, ["arne"]),
        ({"q": "arne@"}, ["arne"]),
        ({"q": "konkwo"}, []),
        ({"q": "%"}, []),
        ({"q": "z", "tag": "vip"}, ["zoe"]),
        ({"updated_since": "2000-01-01T00:00:00Z"}, ["zander", "arne", "zoe"]),
        ({"updated_since": "2199-01-01T00:00:00Z"}, []),
    ],
)
async def test_a_filter_leaves_what_fits(
    contacts: Contacts, tenant: SeededTenant, people: dict[str, str], parameters: dict[str, Any], expected: list[str]
) -> None:
    found = await walk_pages(contacts.client(tenant.rep), "/v1/contacts", limit=2, **parameters)

    assert [people[contact["id"]] for contact in found] == expected


async def test_filters_by_reference(contacts: Contacts, tenant: SeededTenant, people: dict[str, str]) -> None:
    client = contacts.client(tenant.manager)

    at_company = await walk_pages(client, "/v1/contacts", company_id=people["company"])
    of_rep = await walk_pages(client, "/v1/contacts", owner_id=str(tenant.rep.id))
    of_both = [str(tenant.rep.id), str(tenant.manager.id)]
    of_manager = await walk_pages(client, "/v1/contacts", owner_id=str(tenant.manager.id))

    assert [people[contact["id"]] for contact in at_company] == ["zoe"]
    assert len(of_rep) == 3
    for person in (tenant.admin, tenant.manager, tenant.rep):
        for sort in ("-created_at", "name", "-updated_at", "last_name"):
            found = await walk_pages(contacts.client(person), "/v1/contacts", owner_id=of_both, sort=sort, limit=2)
            assert len({contact["id"] for contact in found}) == len(found) == 3
        others = [str(tenant.other_rep.id), str(new_id())]
        assert await walk_pages(contacts.client(person), "/v1/contacts", owner_id=others) == []
    assert of_manager == []


async def test_an_item_is_what_get_answers(contacts: Contacts, tenant: SeededTenant, people: dict[str, str]) -> None:
    client = contacts.client(tenant.rep)

    for item in require_ok(await client.get("/v1/contacts"))["items"]:
        assert item == require_ok(await client.get(f"/v1/contacts/{item['id']}"))
    assert people


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"limit": "0"}, "?limit"),
        ({"limit": "201"}, "?limit"),
        ({"limit": "x"}, "?limit"),
        ({"cursor": "x"}, "?cursor"),
        ({"sort": "phone"}, "?sort"),
        ({"owner_id": "me"}, "?owner_id"),
        ({"source": "FRIEND"}, "?source"),
        ({"updated_since": "yesterday"}, "?updated_since"),
        ({"updated_since": "2026-01-01T00:00:00"}, "?updated_since"),
        ({"q": ""}, "?q"),
        ({"q": "a\x00"}, "?q"),
        ({"colour": "red"}, "?colour"),
        ({"deleted": "maybe"}, "?deleted"),
        ({"tag": ["a", ""]}, "?tag"),
        ({"tag": ["a"] * 11}, "?tag"),
        ({"owner_id": ["x"]}, "?owner_id"),
    ],
)
async def test_a_wrong_parameter_is_named(
    contacts: Contacts, tenant: SeededTenant, parameters: dict[str, Any], pointer: str
) -> None:
    answer = await contacts.client(tenant.rep).get("/v1/contacts", params=parameters)

    require_problem(answer, 422, "invalid-field", pointer)


@pytest.mark.parametrize("reader", ["rep", "manager", "admin"])
@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name", "last_name", "-last_name"])
async def test_a_walk_neither_repeats_nor_loses_while_others_write(
    contacts: Contacts, tenant: SeededTenant, sort: str, reader: str
) -> None:
    client, reading = contacts.client(tenant.rep), contacts.client(getattr(tenant, reader))
    ids = [
        require_ok(await client.post("/v1/contacts", json={"first_name": f"N{number % 3}"}), 201)["id"]
        for number in range(12)
    ]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        after = {"cursor": cursor} if cursor else {}
        page = require_ok(await reading.get("/v1/contacts", params={"limit": "3", "sort": sort, **after}))
        seen += [contact["id"] for contact in page["items"]]
        cursor = page["next_cursor"]
        require_ok(await client.post("/v1/contacts", json={"first_name": "N1"}), 201)
        require_ok(await client.patch(f"/v1/contacts/{ids[len(seen) % 12]}", json={"job_title": str(len(seen))}))

    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)


async def test_a_page_links_to_the_next(contacts: Contacts, tenant: SeededTenant, people: dict[str, str]) -> None:
    client = contacts.client(tenant.rep)

    first = await client.get("/v1/contacts", params={"limit": 2, "sort": "-name"})
    link = first.headers["link"]
    second = await client.get(link[link.index("<") + 1 : link.index(">")])

    assert [people[contact["id"]] for contact in require_ok(second)["items"]] == ["arne"]
    assert "link" not in second.headers
    require_problem(
        await client.get("/v1/contacts", params={"cursor": first.json()["next_cursor"]}), 422, None, "?cursor"
    )
