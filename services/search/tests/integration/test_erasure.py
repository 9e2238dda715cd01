"""An erased person is found by nothing, shown by nothing, and in the end not in the index's files either."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch
from pydantic_core import to_json

from crm_search.consumers import index_records
from crm_search.forgetting import SETTLE_S, drop_traces
from crm_search.index import open_client, prepare_index
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.clock import new_id
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = [pytest.mark.engines, pytest.mark.slow]

Publish = Callable[..., Awaitable[None]]
Kit = ServiceKit[SearchSettings]
MARK = "zzyzx"


@pytest.fixture
def story(tenant: SeededTenant) -> SearchStory:
    """Invent a person, their deal, and a note of them; their name stands in all three documents."""
    story = SearchStory(tenant)
    person = story.add(
        *("person", "contact"),
        first_name=f"First{MARK}",
        last_name="Quist",
        email=f"mail@{MARK}.example",
        phone="030 901 820 77",
        job_title=f"Job{MARK}",
        tags=[f"tag{MARK}"],
        custom_data={"hobby": f"hobby{MARK}"},
    )
    ids = {"pipeline_id": new_id(), "stage_id": new_id()}
    deal = story.add("deal", "deal", name="Renewal", contact_id=person.id, **ids)
    story.add("note", "activity", body=f"Body {MARK}", contact_id=person.id, deal_id=deal.id)
    return story


@pytest.fixture(scope="session")
async def elasticsearch(search: Kit) -> AsyncIterator[AsyncElasticsearch]:
    async with open_client(search.settings, timeout_s=30) as client:
        yield client


def erase_note(note: PublishedRecord) -> Any:
    return note.change(body=None, erased_at=note.state["updated_at"])


async def read_documents(client: AsyncElasticsearch, kit: Kit, tenant: SeededTenant) -> str:
    """Return the whole of a tenant's documents, the words that no answer shows included, as text."""
    answer = await client.search(
        index=kit.settings.index_prefix,
        query={"term": {"tenant_id": str(tenant.id)}},
        size=100,
        source_includes=["*"],
        fields=[{"field": "*"}],
    )
    return to_json(answer.body["hits"]["hits"]).decode().lower()


async def list_rows_with(kit: Kit, tenant: SeededTenant, text: str) -> list[str]:
    rows = await kit.list_rows("search_records", "erased_traces", "contact_shares")
    return [line for lines in rows.values() for line in lines if str(tenant.id) in line and text in line.lower()]


async def test_nothing_finds_or_shows_an_erased_person(
    search: Kit, tenant: SeededTenant, story: SearchStory, publish: Publish, elasticsearch: AsyncElasticsearch
) -> None:
    client = search.client(tenant.admin)
    await publish(*story.events())
    assert set(await story.find(client, f"first{MARK}")) == {"person", "deal", "note"}
    assert MARK in await read_documents(elasticsearch, search, tenant)

    await publish(story["person"].erase())
    await publish(erase_note(story["note"]))

    for query in (f"first{MARK}", "quist", f"mail@{MARK}.example", "90182077", f"job{MARK}", f"body {MARK}", MARK):
        assert await story.find(client, query) == []
        assert await story.suggest(client, query) == []
    assert set(await story.find(client, "renewal")) == {"deal", "note"}  # what is left of them stays
    documents = await read_documents(elasticsearch, search, tenant)
    assert MARK not in documents
    assert "quist" not in documents


async def test_no_row_holds_anything_to_make_it_from_again(
    search: Kit, tenant: SeededTenant, story: SearchStory, publish: Publish
) -> None:
    await publish(*story.events())
    assert len(await list_rows_with(search, tenant, MARK)) == 2
    await publish(story["person"].erase(), erase_note(story["note"]))
    assert await list_rows_with(search, tenant, MARK) == []
    assert await list_rows_with(search, tenant, "quist") == []


async def test_older_events_that_come_again_bring_nothing_back(
    search: Kit, tenant: SeededTenant, story: SearchStory, publish: Publish, elasticsearch: AsyncElasticsearch
) -> None:
    before = story.events()
    await publish(*before)
    erased = [story["person"].erase(), erase_note(story["note"])]
    await publish(*erased)
    rows = await search.list_rows("search_records")

    await publish(*before)
    await publish(*reversed([*before, *erased]))

    assert await search.list_rows("search_records") == rows
    assert MARK not in await read_documents(elasticsearch, search, tenant)


async def test_what_is_heard_of_only_after_the_erasure_stays_empty(
    search: Kit, tenant: SeededTenant, story: SearchStory, publish: Publish
) -> None:
    before = story["person"].publish()
    await publish(story["person"].erase())
    await publish(before)
    assert await list_rows_with(search, tenant, MARK) == []
    assert await story.find(search.client(tenant.admin), MARK) == []


async def test_the_index_drops_what_it_has_deleted(search: Kit, story: SearchStory) -> None:
    """In an index of its own: others would go on deleting meanwhile."""
    settings = search.settings.model_copy(update={"index_prefix": f"{search.settings.index_prefix}-drop"})
    async with open_client(settings, timeout_s=60) as client:
        name = await prepare_index(client, settings)
        try:
            store = DocumentStore(client, settings.index_prefix)
            await drop_traces(search.database, store, settle_s=0)  # what other tests noted
            await index_records(story.events(), search.database, store)
            await index_records([story["person"].erase(), erase_note(story["note"])], search.database, store)
            assert await count_deleted(client, name) > 0

            assert await drop_traces(search.database, store, settle_s=0)
            assert await drop_traces(search.database, store, settle_s=0) is False

            # Drops at once what the shard has agreed to let go, which it does every 30 s: SETTLE_S allows for it.
            began_s = time.monotonic()
            while await count_deleted(client, name) > 0:
                assert time.monotonic() - began_s < SETTLE_S
                await asyncio.sleep(2)
                await store.drop_deleted()
        finally:
            await client.indices.delete(index=name)


async def count_deleted(client: AsyncElasticsearch, index: str) -> int:
    await client.indices.refresh(index=index)
    stats = (await client.indices.stats(index=index, metric="docs")).body
    return int(stats["_all"]["primaries"]["docs"]["deleted"])
