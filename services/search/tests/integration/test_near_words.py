"""What is near a word is asked once of all words; what is found is what each field would have found by itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from crm_search.consumers import index_records
from crm_search.index import MAPPING, open_client
from crm_search.indexes.cluster import IndexCluster
from crm_search.matching import to_search_query
from crm_search.near_words import FIRST_FORM, NOTHING_KNOWN, NearWords, list_reaches
from crm_search.query_words import read_query
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore, Visibility
from crm_shared.clock import new_id
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Publish = Callable[..., Awaitable[None]]
NOW = datetime.now(UTC)
MISSPELT = (
    *("marchetelly", "quistorfan", "wolkenstien", "zandenburg", "brandicourt", "grundersen"),
    *("hollendorf marchetelly", "lichtinwald", "vanderhoevan marchetelly", "Anne-Marie Zandenberk", "marchet"),
)


@pytest.fixture
async def named(tenant: SeededTenant, publish: Publish) -> SearchStory:
    """Have a word of each field: title, details, body, and names of what a record refers to."""
    story, rep = SearchStory(tenant), tenant.rep.id
    unseen = tenant.other_rep.id
    company = story.add("company", "company", name="Quistorfen", industry="Brandecourt", owner_id=unseen)
    contact = story.add("contact", "contact", first_name="Anne-Marie", last_name="Zandenberg", company_id=company.id)
    further = story.add("further", "contact", first_name="Ida", last_name="Hollendorff", owner_id=unseen)
    ids = {"pipeline_id": new_id(), "stage_id": new_id(), "contact_id": contact.id, "company_id": company.id}
    deal = story.add("deal", "deal", name="Marchetelli", description="of Wolkenstein", owner_id=rep, **ids)
    refers = {"contact_ids": [str(contact.id), str(further.id)], "contact_id": contact.id, "deal_id": deal.id}
    story.add("note", "activity", subject="Vanderhoeven", body="Lichtenwald, Grunderson", user_id=rep, **refers)
    await publish(*story.events())
    return story


def see(tenant: SeededTenant) -> dict[str, Visibility]:
    return {
        "ADMIN": Visibility(tenant.id, tenant.admin.id, None),
        "REP": Visibility(tenant.id, tenant.rep.id, frozenset({str(tenant.rep.id)})),
    }


async def ask(store: DocumentStore, visibility: Visibility, text: str, near: NearWords) -> list[tuple[str, float]]:
    query = to_search_query(text, phone=None, visibility=visibility, now=NOW, near=near)
    found = await store.search(visibility, query, limit=50)
    return [(str(hit.shown["id"]), hit.score) for hit in found.hits]


@pytest.mark.parametrize("text", MISSPELT)
async def test_the_same_is_found_as_each_field_finds_by_itself(
    named: SearchStory, store: DocumentStore, text: str
) -> None:
    near = await store.find_near_words(named.tenant.id, list_reaches(read_query(text)))
    known = to_search_query(text, phone=None, visibility=see(named.tenant)["REP"], now=NOW, near=near)
    assert near != NOTHING_KNOWN
    assert "'fuzzy'" not in str(known)
    for visibility in see(named.tenant).values():
        assert await ask(store, visibility, text, near) == await ask(store, visibility, text, NOTHING_KNOWN)
    assert await ask(store, see(named.tenant)["ADMIN"], text, near)


async def test_a_misspelt_name_out_of_sight_makes_no_record_found(
    search: Kit, named: SearchStory, store: DocumentStore
) -> None:
    near = await store.find_near_words(named.tenant.id, list_reaches(read_query("quistorfan hollendorf")))
    assert near.find("company.words", "quistorfan", 2) == ["quistorfan", "quistorfen"]  # all words are known
    rep, admin = search.client(named.tenant.rep), search.client(named.tenant.admin)
    assert await named.find(rep, "quistorfan") == []
    assert set(await named.find(admin, "quistorfan")) == {"company", "contact", "deal"}
    assert await named.find(rep, "hollendorf") == []
    assert set(await named.find(admin, "hollendorf")) == {"further", "note"}


@pytest.fixture
async def client(apart: Kit) -> AsyncIterator[AsyncElasticsearch]:
    async with open_client(apart.settings, timeout_s=60) as opened:
        yield opened


async def test_while_a_document_lacks_the_field_each_field_is_asked(
    apart: Kit, cluster: IndexCluster, client: AsyncElasticsearch
) -> None:
    story = SearchStory(await apart.seed_tenant())
    story.add("contact", "contact", first_name="Ida", last_name="Zandenberg")
    await index_records(story.events(), apart.database, cluster.store)
    await cluster.store.refresh()
    asked = list_reaches(read_query("zandenburg"))
    assert await cluster.store.find_near_words(story.tenant.id, asked) != NOTHING_KNOWN

    former = {"form": FIRST_FORM - 1, "tenant_id": str(story.tenant.id)}
    await client.index(index=cluster.alias, id="former", document=former, refresh=True)

    assert await cluster.store.find_near_words(story.tenant.id, asked) == NOTHING_KNOWN
    assert await story.find(apart.client(story.tenant.admin), "zandenburg") == ["contact"]


async def test_an_index_without_the_field_is_asked_field_by_field(apart: Kit, client: AsyncElasticsearch) -> None:
    alias = f"{apart.settings.index_prefix}-without-words"
    without: dict[str, Any] = {
        name: field for name, field in MAPPING["properties"].items() if name in {"title", "form"}
    }
    without["title"] = {name: value for name, value in without["title"].items() if name != "copy_to"}
    await client.indices.create(index=f"{alias}-v6", mappings={"properties": without}, aliases={alias: {}})
    tenant = await apart.seed_tenant()
    asked = list_reaches(read_query("zandenburg"))
    assert await DocumentStore(client, alias).find_near_words(tenant.id, asked) == NOTHING_KNOWN
