"""What callers make up in a query never breaks, and never stands in a log."""

import asyncio
import base64
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic_core import to_json
from structlog.testing import capture_logs

from crm_search import indexing, records
from crm_search.consumers import index_records
from crm_search.index import MAPPING, open_client
from crm_search.projections import to_record
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.clock import new_id
from crm_shared.http.positions import Position, to_token
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Publish = Callable[..., Awaitable[None]]


@pytest.mark.parametrize(
    "score", ["nan", "inf", "-inf", "Infinity", "1e999", "1", 1e308, -1, True, None, [1], {"a": 1}], ids=str
)
async def test_a_cursor_with_a_score_that_is_none_is_refused(search: Kit, publish: Publish, score: Any) -> None:
    story = SearchStory(await search.seed_tenant())
    for number in range(3):
        story.add(f"zebra-{number}", "company", name=f"Zebra {number}")
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    page = require_ok(await client.get("/v1/search", params={"q": "zebra", "limit": 1}))
    parts = json.loads(base64.urlsafe_b64decode(page["next_cursor"] + "=="))
    parts[2] = score
    cursor = base64.urlsafe_b64encode(to_json(parts)).decode().rstrip("=")
    answer = await client.get("/v1/search", params={"q": "zebra", "limit": 1, "cursor": cursor})
    require_problem(answer, 422, "invalid-field", "?cursor")


@asynccontextmanager
async def on_a_broken_index(search: Kit) -> AsyncIterator[None]:
    """Have the application search an index that refuses every query with words: its titles are numbers."""
    name = f"{search.settings.index_prefix}-broken"
    mapping = {**MAPPING, "properties": {**MAPPING["properties"], "title": {"type": "long"}}}
    whole = search.app.state.store
    async with open_client(search.settings, timeout_s=30) as client:
        await client.indices.create(index=name, mappings=mapping, aliases={f"{name}-alias": {}})
        search.app.state.store = DocumentStore(client, f"{name}-alias")
        try:
            yield
        finally:
            search.app.state.store = whole
            await client.indices.delete(index=name)


async def test_a_query_that_the_index_refuses_is_not_logged(search: Kit, tenant: SeededTenant) -> None:
    async with on_a_broken_index(search):
        with capture_logs() as logs:
            answer = await search.client(tenant.rep).get("/v1/search", params={"q": "Geheimnis"})
    require_problem(answer, 500, "internal-error")
    written = "".join(
        str(entry) + "".join(traceback.format_exception(entry["exc_info"])) for entry in logs if "exc_info" in entry
    )
    assert "QueryRefused: 400: " in written
    assert "geheimnis" not in written.lower()


async def test_an_answer_waits_for_fifty_records_at_most(search: Kit, tenant: SeededTenant) -> None:
    client = search.client(tenant.rep)
    many = [to_token([Position("webhook", new_id(), 1) for _ in range(26)]) for _ in range(2)]
    answer = await client.get("/v1/search", params={"q": "zebra", "after": many})
    require_problem(answer, 422, "invalid-field", "?after")
    assert require_ok(await client.get("/v1/search", params={"q": "zebra", "after": many[:1]}))["caught_up"] is True


@pytest.mark.parametrize("version", [2**63, 10**1000, -1])
async def test_a_version_that_no_record_can_have_is_refused(search: Kit, tenant: SeededTenant, version: int) -> None:
    token = to_token([Position("contact", new_id(), version)])
    answer = await search.client(tenant.rep).get("/v1/search", params={"q": "zebra", "after": token})
    require_problem(answer, 422, "invalid-field", "?after")


@asynccontextmanager
async def refreshing(search: Kit, interval: str) -> AsyncIterator[None]:
    alias = search.settings.index_prefix
    async with open_client(search.settings, timeout_s=30) as client:
        await client.indices.put_settings(index=alias, settings={"index.refresh_interval": interval})
        try:
            yield
        finally:
            usual = f"{search.settings.index_refresh_ms}ms"
            await client.indices.put_settings(index=alias, settings={"index.refresh_interval": usual})


async def test_waiting_never_hurries_the_index_that_all_share(search: Kit, store: DocumentStore) -> None:
    story = SearchStory(await search.seed_tenant())
    contact = story.add("contact", "contact", first_name="Zebra")
    asked = {"q": "zebra", "after": to_token([Position("contact", contact.id, 1)])}
    client = search.client(story.tenant.rep)
    async with refreshing(search, "-1"):
        await store.refresh()
        await index_records(story.events(), search.database, store)
        body = require_ok(await client.get("/v1/search", params=asked))
        assert (body["caught_up"], body["items"]) == (False, [])
    body = require_ok(await client.get("/v1/search", params=asked))
    assert body["caught_up"] is True
    assert story.name_items(body["items"]) == ["contact"]


async def test_a_write_has_arrived_once_what_shows_it_is_shown_too(search: Kit, store: DocumentStore) -> None:
    story = SearchStory(await search.seed_tenant())
    company = story.add("company", "company", name="Zebra")
    story.add("deal", "deal", name="Renewal", company_id=company.id, pipeline_id=new_id(), stage_id=new_id())
    await index_records(story.events(), search.database, store)
    client = search.client(story.tenant.rep)
    async with refreshing(search, "-1"):
        event = to_record(company.change(name="Quagga"))
        async with search.database.begin_as_worker() as transaction:
            await records.save(transaction, [event])
        await indexing.flush(search.database, store)
        await store.refresh()  # searches see the company, and not yet the deal
        await indexing.catch_up(search.database, store)
        asked = {"q": "quagga", "after": to_token([Position("company", company.id, company.version)])}
        body = require_ok(await client.get("/v1/search", params=asked))
        assert (body["caught_up"], story.name_items(body["items"])) == (False, ["company"])
    body = require_ok(await client.get("/v1/search", params=asked))
    assert body["caught_up"] is True
    assert set(story.name_items(body["items"])) == {"company", "deal"}


async def test_own_writes_are_found_by_their_tokens_again_and_again(search: Kit, store: DocumentStore) -> None:
    story = SearchStory(await search.seed_tenant())
    company = story.add("company", "company", name="Zebra 0")
    deal = story.add("deal", "deal", name="Renewal", company_id=company.id, pipeline_id=new_id(), stage_id=new_id())
    await index_records(story.events(), search.database, store)
    client = search.client(story.tenant.rep)
    for number in range(1, 9):
        event = company.change(name=f"Zebra {number}quagga")
        writing = asyncio.create_task(index_records([event], search.database, store))
        after = to_token([Position("company", company.id, company.version)])
        body = require_ok(await client.get("/v1/search", params={"q": f"{number}quagga", "after": after}))
        await writing
        assert body["caught_up"] is True
        assert set(story.name_items(body["items"])) == {"company", "deal"}, number  # and by whom it is shown
    body = require_ok(
        await client.get(
            "/v1/search",
            params={"q": "8quagga", "after": await delete(search, store, company)},
        )
    )
    assert body["caught_up"] is True
    assert "company" not in story.name_items(body["items"])
    assert deal.version == 1


async def delete(search: Kit, store: DocumentStore, record: Any) -> str:
    await index_records([record.delete()], search.database, store)
    return to_token([Position(record.aggregate, record.id, record.version)])
