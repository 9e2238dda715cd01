"""Events come twice, late and out of order, and processes die between the stores: the index is right all the same."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from elasticsearch import AsyncElasticsearch
from services.search.tests.integration.indexing_kit import count_dirty, read_index

from crm_search import records
from crm_search.consumers import index_records
from crm_search.index import open_client
from crm_search.indexing import catch_up, fan_out
from crm_search.projections import to_record
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_search.worker import heal
from crm_shared.clock import new_id
from crm_shared.contracts import Event
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


@pytest.fixture(scope="session")
async def elasticsearch(search: Kit) -> AsyncIterator[AsyncElasticsearch]:
    async with open_client(search.settings, timeout_s=30) as client:
        yield client


def write_history(story: SearchStory) -> list[Event]:
    """Tell of every type, with changes that reach other records' documents."""
    company = story.add("company", "company", name="Zebra GmbH")
    contact = story.add("contact", "contact", first_name="Zoë", company_id=company.id, phone="030 901820")
    stage = {"id": new_id(), "name": "Proposal", "win_probability": 50, "kind": "OPEN", "position": 0}
    pipeline = story.add("pipeline", "pipeline", stages=[stage])
    deal = story.add(
        "deal", "deal", contact_id=contact.id, company_id=company.id, pipeline_id=pipeline.id, stage_id=stage["id"]
    )
    note = story.add("note", "activity", body="Zebra", contact_id=contact.id, deal_id=deal.id)
    gone = story.add("gone", "contact", first_name="Zebra")
    return [
        *story.events(),
        contact.change(owner_id=story.tenant.other_rep.id),
        company.change(name="Quagga GmbH"),
        pipeline.change(stages=[{**stage, "name": "Offer"}]),
        deal.change(amount="20.00"),
        gone.delete(),
        note.change(body="Quagga"),
        contact.change(owner_id=story.tenant.rep.id, last_name="Okonkwo"),
    ]


async def test_replaying_any_prefix_changes_no_row_and_no_document(
    search: Kit, story: SearchStory, publish: Publish, elasticsearch: AsyncElasticsearch
) -> None:
    history = write_history(story)
    await publish(*history)
    rows = await search.list_rows("search_records")
    documents = await read_index(elasticsearch, search, story.tenant.id)
    assert len(documents) == 4
    chance = random.Random(7)  # noqa: S311 - the same tale in every run
    for _ in range(8):
        replayed = history[: chance.randrange(1, len(history))] * 2
        chance.shuffle(replayed)
        await publish(*replayed)
    assert await search.list_rows("search_records") == rows
    assert await read_index(elasticsearch, search, story.tenant.id) == documents


async def test_any_order_and_any_batching_ends_in_the_same_documents(
    search: Kit, publish: Publish, elasticsearch: AsyncElasticsearch
) -> None:
    chance = random.Random(11)  # noqa: S311 - the same tale in every run
    for _ in range(6):
        story = SearchStory(await search.seed_tenant())
        history = write_history(story)
        chance.shuffle(history)
        while history:
            size = chance.randrange(1, 5)
            await publish(*history[:size])
            history = history[size:]
        documents = await read_index(elasticsearch, search, story.tenant.id)
        shown = {key.split(":")[1]: source["shown"] for key, (source, _) in documents.items()}
        assert set(shown) == {"company", "contact", "deal", "activity"}
        assert shown["deal"]["record"]["stage_name"] == "Offer"
        assert shown["deal"]["record"]["amount"] == "20.00"
        assert shown["deal"]["related"]["company"]["name"] == "Quagga GmbH"
        assert shown["deal"]["related"]["contact"]["name"] == "Zoë Okonkwo"
        assert shown["contact"]["related"]["company"]["name"] == "Quagga GmbH"
        assert shown["activity"]["passages"] == ["Quagga"]
        assert set(await story.find(search.client(story.tenant.rep), "quagga")) == {
            "company", "contact", "deal", "note",
        }  # fmt: skip
        assert await story.find(search.client(story.tenant.other_rep), "quagga") == []


async def test_a_crash_before_the_index_is_healed_by_the_next_start(
    search: Kit, story: SearchStory, store: DocumentStore
) -> None:
    contact = story.add("contact", "contact", first_name="Zebra")
    async with search.database.begin_as_worker() as transaction:
        await records.save(transaction, [to_record(contact.publish())])
    await heal(search.database, store)
    await store.refresh()
    assert await story.find(search.client(story.tenant.rep), "zebra") == ["contact"]


async def test_a_crash_after_the_index_writes_the_same_again(
    search: Kit, story: SearchStory, publish: Publish, store: DocumentStore, elasticsearch: AsyncElasticsearch
) -> None:
    contact = story.add("contact", "contact", first_name="Zebra")
    await publish(contact.publish())
    before = await read_index(elasticsearch, search, story.tenant.id)
    async with search.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE search_records SET indexed_revision = 0 WHERE tenant_id = $1", story.tenant.id
        )
    await catch_up(search.database, store)
    assert await read_index(elasticsearch, search, story.tenant.id) == before
    assert await count_dirty(search.database, story) == 0


@pytest.mark.parametrize("limit", [1, 7, 20, 100])
async def test_a_large_fan_out_goes_in_portions_and_misses_none(
    search: Kit, story: SearchStory, publish: Publish, store: DocumentStore, limit: int
) -> None:
    companies = [story.add(f"company-{number}", "company", name="Zebra") for number in range(3)]
    for number, children in enumerate((9, 0, 11)):
        for child in range(children):
            story.add(f"contact-{number}-{child}", "contact", first_name="Ines", company_id=companies[number].id)
    await publish(*story.events())
    async with search.database.begin_as_worker() as transaction:
        await records.save(transaction, [to_record(company.change(name="Quagga")) for company in companies])
    portions = 0
    while await fan_out(search.database, limit=limit):
        portions += 1
    assert portions >= 20 // limit
    assert await count_dirty(search.database, story) == 3 + 20
    await catch_up(search.database, store)
    await store.refresh()
    assert len(await story.find(search.client(story.tenant.admin), "quagga")) == 3 + 20


async def test_many_workers_on_one_history_agree(
    search: Kit, story: SearchStory, store: DocumentStore, elasticsearch: AsyncElasticsearch
) -> None:
    history = write_history(story)
    chance = random.Random(13)  # noqa: S311 - the same tale in every run

    async def work() -> None:
        mine = history.copy()
        chance.shuffle(mine)
        for event in mine:
            await index_records([event], search.database, store)

    await asyncio.gather(*(work() for _ in range(3)))
    documents = await read_index(elasticsearch, search, story.tenant.id)
    assert len(documents) == 4
    assert await count_dirty(search.database, story) == 0
    assert set(await story.find(search.client(story.tenant.rep), "quagga")) == {"company", "contact", "deal", "note"}


async def test_what_is_gone_is_found_no_more_whatever_its_event_holds(
    search: Kit, story: SearchStory, publish: Publish, elasticsearch: AsyncElasticsearch
) -> None:
    contact = story.add("contact", "contact", first_name="Zebra")
    note = story.add("note", "activity", body="Zebra", contact_id=contact.id)
    call = story.add("call", "activity", subject="Zebra")
    await publish(*story.events())
    assert set(await story.find(search.client(story.tenant.admin), "zebra")) == {"contact", "note", "call"}

    deleted, erased = note.delete(), call.change(erased_at=PUBLISHED_AT, subject=None)
    for event in (deleted, erased):
        await publish(replace(event, state={**event.state, "occurred_at": "9999-12-31T23:59:59.999999"}))
    gone = contact.delete()
    await publish(replace(gone, state={"id": str(contact.id), "version": gone.version}))
    assert await story.find(search.client(story.tenant.admin), "zebra") == []
    assert await read_index(elasticsearch, search, story.tenant.id) == {}

    await publish(contact.change(deleted_at=None))
    assert await story.find(search.client(story.tenant.admin), "zebra") == ["contact"]
