"""The contract of GET /v1/search and /v1/search/suggest: pages, facets, filters, snippets, positions, bad input."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_search.settings import SearchSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.published_records import PUBLISHED_AT
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


Publish = Callable[..., Awaitable[None]]


Kit = ServiceKit[SearchSettings]


@pytest.fixture
def story(tenant: SeededTenant) -> SearchStory:
    return SearchStory(tenant)


async def test_an_item_shows_what_a_person_needs(search: Kit, story: SearchStory, publish: Publish) -> None:
    stage_id = new_id()
    stage = {"id": stage_id, "name": "Proposal", "win_probability": 50, "kind": "OPEN", "position": 0}
    pipeline = story.add("pipeline", "pipeline", stages=[stage])
    deal = story.add(
        "deal", "deal", name="Zebra <renewal>", pipeline_id=pipeline.id, stage_id=stage_id, amount="12500.00"
    )
    await publish(*story.events())
    body = require_ok(await search.client(story.tenant.rep).get("/v1/search", params={"q": "zebr"}))
    item = body["items"][0]
    assert item["type"] == "deal"
    assert item["id"] == str(deal.id)
    assert item["title"] == "Zebra <renewal>"
    assert item["subtitle"] == "Proposal · 12500.00 EUR"
    assert item["snippet"] == "<em>Zebra</em> &lt;renewal&gt;"
    assert item["score"] > 0
    assert datetime.fromisoformat(item["updated_at"]) == PUBLISHED_AT
    assert item["record"].items() >= {
        "stage_name": "Proposal", "stage_id": str(stage_id), "pipeline_name": "Sales", "status": "OPEN",
        "amount": "12500.00", "currency": "EUR", "version": 1, "owner_id": str(story.tenant.rep.id),
        "contact_id": None, "company_id": None,
    }.items()  # fmt: skip
    assert body["next_cursor"] is None
    assert "caught_up" not in body

    await publish(pipeline.change(stages=[{**stage, "name": "Offer made"}]))
    body = require_ok(await search.client(story.tenant.rep).get("/v1/search", params={"q": "offer"}))
    assert body["items"][0]["record"]["stage_name"] == "Offer made"


async def test_facets_count_all_types_whatever_type_is_asked_for(
    search: Kit, story: SearchStory, publish: Publish
) -> None:
    for number in range(3):
        story.add(f"contact-{number}", "contact", first_name="Zebra")
        story.add(f"note-{number}", "activity", body="about a zebra")
    story.add("company", "company", name="Zebra", updated_at=PUBLISHED_AT - timedelta(days=30))
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    every = {"contact": 3, "company": 1, "deal": 0, "activity": 3}
    for types, expected in (
        ([], every),
        (["contact"], every),
        (["company", "activity"], every),
        (["company,activity"], every),
        (["deal"], every),
    ):
        body = require_ok(await client.get("/v1/search", params={"q": "zebra", "type": types, "limit": 2}))
        assert body["facets"]["type"] == expected
        wanted = {one for text in types for one in text.split(",")} or set(every)
        assert {item["type"] for item in body["items"]} <= wanted
    found = await client.get(
        "/v1/search", params={"q": "zebra", "from": (PUBLISHED_AT - timedelta(days=1)).isoformat()}
    )
    assert require_ok(found)["facets"]["type"]["company"] == 0


async def test_a_window_of_time_includes_its_ends(search: Kit, story: SearchStory, publish: Publish) -> None:
    for day in (1, 2, 3):
        story.add(f"day-{day}", "company", name="Zebra", updated_at=datetime(2026, 11, day, 23, 30, tzinfo=UTC))
    await publish(*story.events())
    client = search.client(story.tenant.admin)

    async def find(**window: str) -> set[str]:
        return set(await story.find(client, "zebra", **window))

    assert await find(to="2026-11-02") == {"day-1", "day-2"}
    assert await find(**{"from": "2026-11-02"}) == {"day-2", "day-3"}
    assert await find(**{"from": "2026-11-02", "to": "2026-11-02"}) == {"day-2"}
    assert await find(**{"from": "2026-11-02T23:30:00Z", "to": "2026-11-02T23:30:00Z"}) == {"day-2"}
    assert await find(**{"from": "2026-11-03T00:31:00+01:00"}) == {"day-3"}


async def test_a_walk_finds_each_once_while_others_write(search: Kit, story: SearchStory, publish: Publish) -> None:
    for number in range(40):
        updated_at = PUBLISHED_AT - timedelta(hours=number // 3)  # many of one score
        story.add(f"zebra-{number}", "company", name=f"Zebra {number}", updated_at=updated_at)
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    there_throughout = set(story.records)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get("/v1/search", params={"q": "zebra", "limit": 7, **cursor})
        body = require_ok(answer)
        seen += story.name_items(body["items"])
        if body["next_cursor"] is None:
            assert "link" not in answer.headers
            break
        assert 'rel="next"' in answer.headers["link"]
        cursor = {"cursor": body["next_cursor"]}
        label = f"late-{len(seen)}"
        await publish(story.add(label, "company", name=f"Zebra {label}", updated_at=datetime.now(UTC)).publish())
    assert sorted(name for name in seen if name in there_throughout) == sorted(there_throughout)
    assert len(seen) == len(set(seen))
    whole = await walk_pages(client, "/v1/search", q="zebra", limit=200)
    scores = [item["score"] for item in whole]
    assert scores == sorted(scores, reverse=True)


async def test_suggestions_are_names_with_tolerance(search: Kit, story: SearchStory, publish: Publish) -> None:
    story.add("zoe", "contact", first_name="Zoë", last_name="Okonkwo", job_title="Zookeeper")
    story.add("zoo", "company", name="Zoo Leipzig")
    story.add("note", "activity", subject="Zoo visit")
    story.add("deal", "deal", name="Zoo renewal", pipeline_id=new_id(), stage_id=new_id())
    await publish(*story.events())
    client = search.client(story.tenant.rep)
    for typed, expected in (
        ("z", {"zoe", "zoo"}),
        ("zo", {"zoe", "zoo"}),
        ("zoo", {"zoo", "zoe"}),
        ("oko", {"zoe"}),
        ("okno", {"zoe"}),
        ("okonq", {"zoe"}),
        ("zoe ok", {"zoe"}),
        ("leip", {"zoo"}),
        ("leibz", {"zoo"}),
        ("keeper", set()),
        ("okxyz", set()),
    ):
        assert set(await story.suggest(client, typed)) == expected, typed
    assert await story.suggest(client, "zoo", type="company") == ["zoo"]
    assert set(await story.suggest(client, "zo", type="contact,company")) == {"zoe", "zoo"}
    assert await story.suggest(client, "zo", limit=1) == (await story.suggest(client, "zo"))[:1]
    first = require_ok(await client.get("/v1/search/suggest", params={"q": "zoe"}))["items"][0]
    assert (first["title"], first["snippet"]) == ("Zoë Okonkwo", "<em>Zoë</em> Okonkwo")


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "?q"),
    ({"q": ""}, "?q"),
    ({"q": "   "}, "?q"),
    ({"q": "a" * 1001}, "?q"),
    ({"q": "a", "type": "lead"}, "?type"),
    ({"q": "a", "type": "contact,lead"}, "?type"),
    ({"q": "a", "limit": "0"}, "?limit"),
    ({"q": "a", "limit": "201"}, "?limit"),
    ({"q": "a", "limit": "many"}, "?limit"),
    ({"q": "a", "owner_id": "me"}, "?owner_id"),
    ({"q": "a", "from": "yesterday"}, "?from"),
    ({"q": "a", "to": "2026-11-22T03:00:00"}, "?to"),
    ({"q": "a", "from": "2026-11-23", "to": "2026-11-22"}, "?from"),
    ({"q": "a", "cursor": "nonsense"}, "?cursor"),
    ({"q": "a", "cursor": "WzFd"}, "?cursor"),
    ({"q": "a", "after": "nonsense"}, "?after"),
    ({"q": "a", "after": ""}, "?after"),
    ({"q": "a", "sort": "name"}, "?sort"),
    ({"q": "a\x00b"}, "?q"),
]


@pytest.mark.parametrize(("parameters", "pointer"), BAD, ids=lambda value: str(value)[:60])
async def test_bad_parameters_are_named(
    search: Kit, tenant: SeededTenant, parameters: dict[str, Any], pointer: str
) -> None:
    answer = await search.client(tenant.rep).get("/v1/search", params=parameters)
    require_problem(answer, 422, "invalid-field", pointer)


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [({}, "?q"), ({"q": "a", "type": "deal"}, "?type"), ({"q": "a", "limit": "51"}, "?limit"),
     ({"q": "a", "owner_id": str(UUID(int=7))}, "?owner_id")],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
async def test_bad_parameters_of_suggest_are_named(
    search: Kit, tenant: SeededTenant, parameters: dict[str, Any], pointer: str
) -> None:
    answer = await search.client(tenant.rep).get("/v1/search/suggest", params=parameters)
    require_problem(answer, 422, "invalid-field", pointer)


async def test_a_cursor_of_another_search_is_refused(search: Kit, story: SearchStory, publish: Publish) -> None:
    for number in range(3):
        story.add(f"zebra-{number}", "company", name=f"Zebra {number}")
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    page = require_ok(await client.get("/v1/search", params={"q": "zebra", "limit": 1}))
    other = {"q": "zebr", "limit": 1, "cursor": page["next_cursor"]}
    require_problem(await client.get("/v1/search", params=other), 422, "invalid-field", "?cursor")


@pytest.mark.parametrize("path", ["/v1/search", "/v1/search/suggest"])
async def test_a_stranger_learns_nothing(search: Kit, path: str) -> None:
    require_problem(await search.client_with(None).get(path, params={"q": "zebra"}), 401, "unauthenticated")
    require_problem(await search.client_with("Bearer x").get(path, params={"nonsense": 1}), 401, "unauthenticated")


async def test_nothing_a_caller_types_is_query_language(search: Kit, story: SearchStory, publish: Publish) -> None:
    story.add("company", "company", name="Zebra")
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    for text in (
        "*",
        "zebra OR quagga",
        '{"match_all": {}}',
        "z*",
        "/.*/",
        "title:zebra",
        "~",
        "\\",
        "zebra~",
        "😀",
        "'",
    ):
        answer = await client.get("/v1/search", params={"q": text})
        found = story.name_items(require_ok(answer)["items"])
        assert found == (["company"] if text in {"z*", "zebra~"} else []), text
        require_ok(await client.get("/v1/search/suggest", params={"q": text}))


async def test_health_and_documents(search: Kit) -> None:
    client = search.client_with(None)
    assert require_ok(await client.get("/readyz"))["checks"] == {"database": "ok", "elasticsearch": "ok"}
    paths = require_ok(await client.get("/openapi.json"))["paths"]
    assert set(paths) >= {"/v1/search", "/v1/search/suggest"}
