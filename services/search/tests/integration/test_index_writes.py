"""What the index takes and what it refuses: long documents, older revisions, an index that is not there yet."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch
from services.search.tests.integration.indexing_kit import count_dirty, read_index

from crm_search import records
from crm_search.bulk import Write
from crm_search.consumers import index_records
from crm_search.dirty_rows import list_dirty
from crm_search.index import INDEX_VERSION, MAPPING, open_client, prepare_index
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.tombstones import purge_tombstones
from crm_search.indexing import catch_up
from crm_search.projections import to_record
from crm_search.settings import SearchSettings
from crm_search.store import MAX_READ_AGE_S, DocumentStore, Visibility
from crm_shared.bus import DependencyUnavailable
from crm_shared.clock import SystemClock, new_id
from crm_shared.contracts import BadRecord
from crm_shared.refusals import Unavailable
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


Publish = Callable[..., Awaitable[None]]


Kit = ServiceKit[SearchSettings]


@pytest.fixture
def story(tenant: SeededTenant) -> SearchStory:
    return SearchStory(tenant)


@pytest.fixture(scope="session")
async def elasticsearch(search: Kit) -> AsyncIterator[AsyncElasticsearch]:
    async with open_client(search.settings, timeout_s=30) as client:
        yield client


@asynccontextmanager
async def other_index(kit: Kit, mapping: dict[str, Any]) -> AsyncIterator[DocumentStore]:
    name = f"{kit.settings.index_prefix}-other"
    async with open_client(kit.settings, timeout_s=30) as client:
        await client.indices.create(index=f"{name}-v0", mappings=mapping, aliases={name: {}})
        try:
            yield DocumentStore(client, name)
        finally:
            await client.indices.delete(index=f"{name}-v0")


async def test_what_the_index_refuses_is_named_alone_and_holds_up_nothing(search: Kit, story: SearchStory) -> None:
    """An index of another shape stands for a document that no index would take."""
    fields = {name: field for name, field in MAPPING["properties"].items() if name != "phone"}
    contact = story.add("contact", "contact", first_name="Zebra", phone="030 901820")
    company = story.add("company", "company", name="Zebra")
    async with other_index(search, {**MAPPING, "properties": fields}) as narrow:
        with pytest.raises(BadRecord, match="the index rejected the contact: strict_dynamic_mapping_exception"):
            await index_records([contact.publish(), company.publish()], search.database, narrow)
        assert await count_dirty(search.database, story) == 0
        await index_records([company.publish()], search.database, narrow)
        with pytest.raises(BadRecord):
            await index_records([contact.publish()], search.database, narrow)
        await narrow.refresh()
        visibility = Visibility(story.tenant.id, story.tenant.admin.id, None)
        found = await narrow.search(visibility, {"match_all": {}}, limit=10)
        assert [hit.type for hit in found.hits] == ["company"]


async def test_an_index_not_made_yet_is_waited_for(search: Kit) -> None:
    async with open_client(search.settings, timeout_s=30) as client:
        nowhere = DocumentStore(client, f"{search.settings.index_prefix}-nowhere")
        with pytest.raises(DependencyUnavailable):
            await nowhere.write([Write("a", 1, {"type": "contact"})])
        with pytest.raises(DependencyUnavailable):
            await nowhere.ping()
        with pytest.raises(Unavailable):
            await nowhere.search(Visibility(new_id(), new_id(), None), {"match_all": {}}, limit=1)
        assert not await client.indices.exists(index=f"{search.settings.index_prefix}-nowhere")


async def test_an_older_revision_never_comes_back(story: SearchStory, store: DocumentStore) -> None:
    key = f"{story.tenant.id}:company:{new_id()}"
    document = {"type": "company", "key": key, "tenant_id": str(story.tenant.id)}
    assert await store.write([Write(key, 2, document)]) == [None]
    assert await store.write([Write(key, 3, None)]) == [None]
    assert await store.write([Write(key, 2, document), Write(key, 3, document)]) == [None, None]
    await store.refresh()
    found = await store.search(Visibility(story.tenant.id, new_id(), None), {"match_all": {}}, limit=10)
    assert found.hits == []


async def test_an_older_write_that_was_under_way_brings_nothing_back(
    story: SearchStory, store: DocumentStore, elasticsearch: AsyncElasticsearch, search: Kit
) -> None:
    """Elasticsearch forgets at once here what it deleted, as a node does when it starts again."""
    alias = search.settings.index_prefix
    await elasticsearch.indices.put_settings(index=alias, settings={"index.gc_deletes": "0ms"})
    key = f"{story.tenant.id}:company:{new_id()}"
    document = {"type": "company", "key": key, "tenant_id": str(story.tenant.id)}
    await store.write([Write(key, 3, None)])
    assert await store.write([Write(key, 2, document)]) == [None]
    await store.refresh()
    assert await read_index(elasticsearch, search, story.tenant.id) == {}

    # Once nothing that old can be under way, what is left goes too: rows that were read too long ago are never sent.
    with pytest.raises(DependencyUnavailable, match="too old"):
        await store.write([Write(key, 2, document)], read_at_s=time.monotonic() - MAX_READ_AGE_S - 1)
    cluster = IndexCluster(elasticsearch, search.settings)
    assert await purge_tombstones(cluster, SystemClock()) == 0
    assert await purge_tombstones(cluster, SystemClock(), kept=timedelta(hours=-1)) >= 1
    assert not await elasticsearch.exists(index=alias, id=key)


@pytest.mark.parametrize("max_bytes", [1, 3000])
async def test_long_rows_are_read_a_few_at_a_time_and_none_is_left_out(
    search: Kit, story: SearchStory, store: DocumentStore, max_bytes: int
) -> None:
    for number in range(5):
        story.add(f"note {number}", "activity", body="zebra " * 200)
    async with search.database.begin_as_worker() as transaction:
        await records.save(transaction, [to_record(event) for event in story.events()])
    async with search.database.read_as_worker() as connection:
        rows = await list_dirty(connection, limit=1000, max_bytes=max_bytes)
    assert len(rows) == (1 if max_bytes == 1 else 2)
    await catch_up(search.database, store)
    assert await count_dirty(search.database, story) == 0


async def test_long_documents_go_in_several_requests(search: Kit, story: SearchStory) -> None:
    for number in range(4):
        story.add(f"note-{number}", "activity", body=f"zebra {number} " + "very long " * 200)
    async with open_client(search.settings, timeout_s=30) as client:
        small = DocumentStore(client, search.settings.index_prefix, max_bulk_bytes=10_000)
        await index_records(story.events(), search.database, small)
        await small.refresh()
    assert len(await story.find(search.client(story.tenant.admin), "zebra")) == 4
    assert await count_dirty(search.database, story) == 0


async def test_what_was_refused_is_tried_again_when_it_comes_again(
    search: Kit, story: SearchStory, publish: Publish
) -> None:
    """`redrive` puts it back once the index is mended."""
    fields = {name: field for name, field in MAPPING["properties"].items() if name != "phone"}
    contact = story.add("contact", "contact", first_name="Zebra", phone="030 901820")
    async with other_index(search, {**MAPPING, "properties": fields}) as narrow:
        with pytest.raises(BadRecord):
            await index_records([contact.publish()], search.database, narrow)
    await publish(contact.publish())
    assert await story.find(search.client(story.tenant.rep), "zebra") == ["contact"]


async def test_preparing_the_index_again_or_at_once_makes_one(search: Kit) -> None:
    settings = search.settings.model_copy(update={"index_prefix": f"{search.settings.index_prefix}-raced"})
    async with open_client(settings, timeout_s=30) as client:
        names = await asyncio.gather(*(prepare_index(client, settings) for _ in range(3)))
        assert set(names) == {f"{settings.index_prefix}-v{INDEX_VERSION}"}
        assert await prepare_index(client, settings) == names[0]
        await client.indices.delete(index=names[0])
