"""`matched`, facets, and filters beside owner and time: what api.md says of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crm_search.settings import SearchSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Publish = Callable[..., Awaitable[None]]
STAGE_IDS = [new_id(), new_id()]


@pytest.fixture
async def office(tenant: SeededTenant, publish: Publish) -> SearchStory:
    story = SearchStory(tenant)
    acme = story.add("acme", "company", name="Acme Corporation", domain="acme.example", tags=["Key account", "north"])
    zoe = story.add(
        "zoe", "contact", first_name="Zoë", last_name="Okonkwo", email="zoe.okonkwo@acme.example", tags=["north"],
        phone="030 901820", phone_e164="+4930901820", company_id=acme.id, job_title="Head of Purchasing",
        custom_data={"colours": ["teal", "magenta"], "seats": 4125.5, "is_member": True, "since": "2026-11-22"},
    )  # fmt: skip
    story.add("98765432", "company", name="98765432 Ltd")
    story.add("robert", "contact", first_name="Robert", last_name="Smith", owner_id=tenant.admin.id)
    stages = [
        {"id": stage_id, "name": name, "win_probability": 50, "kind": "OPEN", "position": number}
        for number, (stage_id, name) in enumerate(zip(STAGE_IDS, ("Proposal", "Negotiation"), strict=True))
    ]
    pipeline = story.add("pipeline", "pipeline", stages=stages)
    deal = {"pipeline_id": pipeline.id, "company_id": acme.id}
    story.add("renewal", "deal", name="Renewal", stage_id=STAGE_IDS[0], description="Forty seats of vermilion", **deal)
    story.add("won", "deal", name="Acme pilot", stage_id=STAGE_IDS[1], status="WON", **deal)
    story.add("note", "activity", subject="Call", body="She wants ultramarine. " * 40, contact_id=zoe.id)
    await publish(*story.events())
    return story


@pytest.mark.parametrize(
    ("query", "first", "matched"),
    [
        ("zoe okonkwo", "zoe", ["name"]),
        ("okonk", "zoe", ["name"]),
        ("oknokwo", "zoe", ["name"]),
        ("bob smith", "robert", ["name"]),
        ("zoe.okonkwo@acme.example", "zoe", ["email"]),
        ("okonkwo@acme", "zoe", ["email"]),
        ("+49 30 901820", "zoe", ["phone"]),
        ("030 9018", "zoe", ["phone"]),
        ("901820", "zoe", ["phone"]),
        ("+49 30 9018", "zoe", ["phone"]),
        ("98765432", "98765432", ["name"]),
        ("zoe 901820", "zoe", ["name", "phone"]),
        ("purchasing", "zoe", ["details"]),
        ("acme.example", "acme", ["details"]),
        ("magenta", "zoe", ["custom"]),
        ("4125.5", "zoe", ["custom"]),
        ("2026-11-22", "zoe", ["custom"]),
        ("zoe teal", "zoe", ["name", "custom"]),
        ("zoe corporation", "zoe", ["name", "related"]),
        ("call okonkwo", "note", ["name", "related"]),
        ("proposal", "renewal", ["details"]),
        ("vermilion", "renewal", ["body"]),
        ("ultramarine", "note", ["body"]),
        ("ultramarinr", "note", ["body"]),
    ],
)
async def test_an_item_says_where_its_words_stand(
    search: Kit, office: SearchStory, query: str, first: str, matched: list[str]
) -> None:
    body = require_ok(await search.client(office.tenant.admin).get("/v1/search", params={"q": query}))
    assert office.name_items(body["items"])[:1] == [first]
    assert body["items"][0]["matched"] == matched


async def test_what_stands_in_a_name_out_of_sight_explains_nothing(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    company = story.add("company", "company", name="Quagga Zebra", owner_id=tenant.other_rep.id)
    story.add("ines", "contact", first_name="Ines", company_id=company.id, job_title="Zebra keeper")
    await publish(*story.events())
    for person, query, expected in (
        (tenant.rep, "ines zebra", [["name", "details"]]),
        (tenant.rep, "ines quagga", []),
        (tenant.admin, "ines quagga", [["name", "related"]]),
    ):
        body = require_ok(await search.client(person).get("/v1/search", params={"q": query}))
        assert [item["matched"] for item in body["items"]] == expected


async def test_a_snippet_is_short_however_long_the_text(search: Kit, office: SearchStory) -> None:
    body = require_ok(await search.client(office.tenant.rep).get("/v1/search", params={"q": "ultramarine"}))
    snippet = body["items"][0]["snippet"]
    assert snippet.count("<em>ultramarine</em>") >= 1
    assert len(snippet.replace("<em>", "").replace("</em>", "")) <= 164


async def test_facets_count_by_type_owner_and_status(search: Kit, office: SearchStory) -> None:
    tenant = office.tenant
    rep, admin = str(tenant.rep.id), str(tenant.admin.id)
    body = require_ok(await search.client(tenant.admin).get("/v1/search", params={"q": "acme", "limit": 1}))
    assert body["facets"] == {
        "type": {"contact": 1, "company": 1, "deal": 2, "activity": 0},
        "owner_id": {rep: 4},
        "status": {"OPEN": 1, "WON": 1, "LOST": 0},
    }
    body = require_ok(await search.client(tenant.admin).get("/v1/search", params={"q": "acme", "type": "company"}))
    assert body["facets"]["status"] == {"OPEN": 1, "WON": 1, "LOST": 0}
    body = require_ok(await search.client(tenant.admin).get("/v1/search", params={"q": "robert", "status": "WON"}))
    assert body["facets"]["owner_id"] == {}
    body = require_ok(await search.client(tenant.admin).get("/v1/search", params={"q": "robert"}))
    assert body["facets"]["owner_id"] == {admin: 1}


async def test_facets_come_with_the_first_page_alone(search: Kit, office: SearchStory) -> None:
    client = search.client(office.tenant.admin)
    first = require_ok(await client.get("/v1/search", params={"q": "acme", "limit": 1}))
    asked = {"q": "acme", "limit": 1, "cursor": first["next_cursor"]}
    assert "facets" in first
    assert "facets" not in require_ok(await client.get("/v1/search", params=asked))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"tag": "north"}, {"acme", "zoe"}),
        ({"tag": " Key account "}, {"acme"}),
        ({"tag": "key account"}, set()),
        ({"tag": ["north", "Key account"]}, {"acme"}),
        ({"stage_id": str(STAGE_IDS[0])}, {"renewal"}),
        ({"stage_id": str(STAGE_IDS[1])}, {"won"}),
        ({"status": "OPEN"}, {"renewal"}),
        ({"status": "WON", "stage_id": str(STAGE_IDS[1])}, {"won"}),
        ({"status": "WON", "stage_id": str(STAGE_IDS[0])}, set()),
        ({"status": "LOST"}, set()),
    ],
    ids=range(10),
)
async def test_filters_leave_out_the_rest(
    search: Kit, office: SearchStory, filters: dict[str, Any], expected: set[str]
) -> None:
    assert set(await office.find(search.client(office.tenant.rep), "acme", **filters)) == expected


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"tag": "  "}, "?tag"),
        ({"tag": "a\tb"}, "?tag"),
        ({"tag": "a" * 65}, "?tag"),
        ({"tag": ["a"] * 21}, "?tag"),
        ({"stage_id": "first"}, "?stage_id"),
        ({"status": "open"}, "?status"),
    ],
    ids=range(6),
)
async def test_bad_filters_are_named(
    search: Kit, tenant: SeededTenant, parameters: dict[str, Any], pointer: str
) -> None:
    answer = await search.client(tenant.rep).get("/v1/search", params={"q": "a", **parameters})
    require_problem(answer, 422, "invalid-field", pointer)


async def test_a_cursor_belongs_to_its_filters(search: Kit, office: SearchStory) -> None:
    client = search.client(office.tenant.rep)
    page = require_ok(await client.get("/v1/search", params={"q": "acme", "limit": 1}))
    other = {"q": "acme", "limit": 1, "tag": "north", "cursor": page["next_cursor"]}
    require_problem(await client.get("/v1/search", params=other), 422, "invalid-field", "?cursor")
