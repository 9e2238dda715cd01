"""Custom fields of contacts and companies: defined, filled in, changed, deleted."""

from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

TIER = {
    "entity_type": "CONTACT",
    "key": "tier",
    "label": "Tier",
    "field_type": "SELECT",
    "options": ["gold", {"value": "silver", "label": "Silver!"}],
}


async def define(client: httpx.AsyncClient, key: str, field_type: str, **more: Any) -> dict[str, Any]:
    body = {"entity_type": "CONTACT", "key": key, "label": key.title(), "field_type": field_type, **more}
    made: dict[str, Any] = require_ok(await client.post("/v1/custom-fields", json=body), 201)
    return made


async def test_a_field_lives(contacts: Contacts, tenant: SeededTenant) -> None:
    admin, rep = contacts.client(tenant.admin), contacts.client(tenant.rep)
    made = require_ok(await admin.post("/v1/custom-fields", json=TIER), 201)
    assert made["options"] == [
        {"value": "gold", "label": "gold", "retired": False},
        {"value": "silver", "label": "Silver!", "retired": False},
    ]
    assert (made["version"], made["index_state"], made["required"]) == (1, "NONE", False)
    path = f"/v1/custom-fields/{made['id']}"

    assert require_ok(await rep.get(path)) == made
    listed = require_ok(await rep.get("/v1/custom-fields", params={"entity_type": "CONTACT"}))
    assert listed["items"] == [made]
    assert require_ok(await rep.get("/v1/custom-fields", params={"entity_type": "COMPANY"}))["items"] == []

    renamed = require_ok(await admin.patch(path, json={"label": "Level", "key": "tier"}))
    assert (renamed["version"], renamed["label"]) == (2, "Level")
    require_problem(await admin.patch(path, json={"key": "level"}), 422, "invalid-field", "/key")
    require_problem(await admin.patch(path, json={"field_type": "TEXT"}), 422, "invalid-field", "/field_type")

    assert (await admin.delete(path)).status_code == 204
    require_problem(await admin.get(path), 404, "not-found")
    require_problem(await admin.delete(path), 404, "not-found")
    assert require_ok(await rep.get("/v1/custom-fields"))["items"] == []


async def test_values_are_checked_one_by_one(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    await define(admin, "tier", "SELECT", options=["gold", "silver"])
    await define(admin, "score", "NUMBER")
    await define(admin, "renewal", "DATE")
    await define(admin, "note", "TEXT")
    await define(admin, "interests", "MULTI_SELECT", options=["api", "support"])

    wrong = {"tier": "bronze", "score": "many", "renewal": "tomorrow", "note": 7, "interests": ["api", "api"]}
    answer = await admin.post("/v1/contacts", json={"first_name": "Zoë", "custom_data": wrong})
    require_problem(answer, 422, "invalid-field", *(f"/custom_data/{key}" for key in sorted(wrong)))

    given = {
        "tier": "gold", "score": 12.50, "renewal": "2026-11-22", "note": " hello ", "interests": ["support", "api"],
    }  # fmt: skip
    contact = require_ok(await admin.post("/v1/contacts", json={"first_name": "Zoë", "custom_data": given}), 201)
    stored = {**given, "score": "12.5", "note": "hello", "interests": ["api", "support"]}
    assert contact["custom_data"] == stored
    path = f"/v1/contacts/{contact['id']}"
    assert require_ok(await admin.get(path)) == contact

    idle = require_ok(
        await admin.patch(path, json={"custom_data": {"score": "12.500", "interests": ["support", "api"]}})
    )
    assert idle["version"] == 1
    edited = require_ok(await admin.patch(path, json={"custom_data": {"score": None, "tier": "silver"}}))
    assert edited["custom_data"] == {**{k: v for k, v in stored.items() if k != "score"}, "tier": "silver"}
    created, updated = await contacts.take_events(tenant.id)
    assert created.state["custom_data"] == stored
    assert updated.state["custom_data"] == edited["custom_data"]


async def add_contact(client: httpx.AsyncClient, name: str, **custom_data: Any) -> None:
    require_ok(await client.post("/v1/contacts", json={"first_name": name, "custom_data": custom_data}), 201)


async def list_names(client: httpx.AsyncClient, **parameters: Any) -> list[str]:
    return [contact["first_name"] for contact in await walk_pages(client, "/v1/contacts", **parameters)]


@pytest.mark.parametrize("limit", [1, 2, 200])
async def test_lists_filter_and_sort_by_custom_fields(contacts: Contacts, tenant: SeededTenant, limit: int) -> None:
    admin = contacts.client(tenant.admin)
    await define(admin, "tier", "SELECT", options=["gold", "silver"])
    await define(admin, "score", "NUMBER")
    await define(admin, "renewal", "DATE")
    await define(admin, "note", "TEXT")
    await define(admin, "likes", "MULTI_SELECT", options=["api", "support", "price"])
    await add_contact(admin, "a", tier="gold", score=10, renewal="2026-01-01", note="Straße", likes=["api", "price"])
    await add_contact(admin, "b", tier="silver", score="9.5", renewal="2025-12-31", note="strand", likes=["api"])
    await add_contact(admin, "c")
    await add_contact(admin, "d", tier="gold", score=-3, renewal="2026-06-30", note="Zebra")
    await add_contact(admin, "e")

    async def named(**parameters: Any) -> str:
        return "".join(await list_names(admin, limit=limit, **parameters))

    assert await named(sort="created_at", cf_tier="gold") == "ad"
    assert await named(sort="created_at", cf_note="STRASSE") == "a"
    assert await named(sort="created_at", cf_score="10.0") == "a"
    assert await named(sort="created_at", **{"cf_score.gte": "9.5"}) == "ab"
    assert await named(sort="created_at", **{"cf_score.gte": "-3", "cf_score.lte": "9.5"}) == "bd"
    assert await named(sort="created_at", **{"cf_renewal.lte": "2026-01-01"}) == "ab"
    assert await named(sort="created_at", cf_renewal="2026-06-30") == "d"
    assert await named(sort="created_at", cf_likes="api") == "ab"
    assert await named(sort="created_at", cf_likes="price;api") == "a"
    assert await named(sort="cf_score") == "dbace"
    assert await named(sort="-cf_score") == "abdec"
    assert await named(sort="cf_renewal") == "badce"
    assert await named(sort="-cf_note") == "dabec"
    assert await named(sort="cf_tier", cf_tier="gold") == "ad"
    assert await named(sort="-cf_tier") == "bdaec"


async def test_each_sees_their_own_in_order(contacts: Contacts, tenant: SeededTenant) -> None:
    """By owner, by team and by a share: the order is one over all of them, those without a value last."""
    admin, rep, other = (contacts.client(person) for person in (tenant.admin, tenant.rep, tenant.other_rep))
    await define(admin, "score", "NUMBER")
    await add_contact(rep, "a", score=2)
    await add_contact(rep, "b")
    await add_contact(other, "c", score=3)
    await add_contact(other, "d", score=1)
    await add_contact(other, "e")
    for contact in await walk_pages(other, "/v1/contacts", **{"cf_score.gte": "3"}):
        share = {"user_id": str(tenant.rep.id), "permission": "READ"}
        require_ok(await other.post(f"/v1/contacts/{contact['id']}/shares", json=share), 201)

    for limit in (1, 2, 50):
        assert "".join(await list_names(rep, sort="cf_score", limit=limit)) == "acb"
        assert "".join(await list_names(rep, sort="-cf_score", limit=limit)) == "cab"
        assert "".join(await list_names(admin, sort="cf_score", limit=limit)) == "dacbe"
        assert "".join(await list_names(contacts.client(tenant.manager), sort="-cf_score", limit=limit)) == "ab"
        assert "".join(await list_names(rep, **{"cf_score.gte": "2"}, sort="name", limit=limit)) == "ac"


async def test_odd_parameters_are_named(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    await define(admin, "tier", "SELECT", options=["gold"])
    await define(admin, "likes", "MULTI_SELECT", options=["api"])
    await define(admin, "score", "NUMBER")
    for name, value in (
        ("cf_nothing", "x"), ("cf_", "x"), ("cf_score", "many"), ("cf_score.gt", "1"), ("cf_tier.gte", "gold"),
        ("cf_tier", "bronze"), ("cf_tier", ""), ("cf_score.gte", ""), ("cf_tier", "\x00"), ("tier", "gold"),
    ):  # fmt: skip
        answer = await admin.get("/v1/contacts", params={name: value})
        require_problem(answer, 422, "invalid-field", f"?{name}")
    twice = await admin.get("/v1/contacts", params=[("cf_tier", "gold"), ("cf_tier", "gold")])
    require_problem(twice, 422, "invalid-field", "?cf_tier")
    for sort in ("cf_nothing", "-cf_likes"):
        require_problem(await admin.get("/v1/contacts", params={"sort": sort}), 422, "invalid-field", "?sort")
    require_problem(await admin.get("/v1/users", params={"cf_tier": "gold"}), 422, "invalid-field", "?cf_tier")
    for cursor in ("x", "WzFd", "bnVsbA"):
        answer = await admin.get("/v1/contacts", params={"sort": "cf_score", "cursor": cursor})
        require_problem(answer, 422, "invalid-field", "?cursor")
