"""Whoever has written finds it by the position of the write, or hears that the index is not there yet."""

import asyncio
import random
from typing import Any, Final

import pytest

from crm_search import indexing, records
from crm_search.consumers import index_records
from crm_search.projections import to_record
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.contracts import Event
from crm_shared.http.positions import Position, to_token
from crm_testing.answers import require_ok
from crm_testing.published_records import PublishedRecord
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
WRITERS: Final = 4
WRITES: Final = 8
"""Of each writer. The claim holds for any number: 2,500 of each make ten thousand."""


async def test_under_load_each_write_is_found_by_its_position_or_the_answer_says_so(
    search: Kit, store: DocumentStore
) -> None:
    story = SearchStory(await search.seed_tenant())
    stop = asyncio.Event()
    load = asyncio.create_task(write_much(search, store, stop))
    answers = await asyncio.gather(*(write_and_search(search, store, story, number) for number in range(WRITERS)))
    stop.set()
    await load
    assert sum(answers) > 0


async def write_much(kit: Kit, store: DocumentStore, stop: asyncio.Event) -> None:
    """Bring in another tenant's batches, as a worker does whose topics have much to read."""
    story = SearchStory(await kit.seed_tenant())
    company = story.add("company", "company", name="Gnu")
    contacts = [story.add(f"{number}", "contact", first_name="Gnu", company_id=company.id) for number in range(30)]
    await index_records(story.events(), kit.database, store)
    while not stop.is_set():
        await index_records([one.change() for one in (company, *contacts)], kit.database, store)


async def write_and_search(kit: Kit, store: DocumentStore, story: SearchStory, writer: int) -> int:
    """Make, change and delete a record over and over; return how many writes were there when they were asked for."""
    chance, count = random.Random(writer), 0  # noqa: S311 - the same tale in every run
    client = kit.client(story.tenant.admin)
    record, before = None, None
    for number in range(WRITES):
        word: str | None = f"okapi{writer}x{number}q"
        if record is None or before is None:
            record = story.add(f"{writer} {number}", "contact", first_name=word)
            event = record.publish()
        elif chance.random() < 0.2:
            event, word = record.delete(), None
        else:
            event = record.change(first_name=word)
        writing = asyncio.create_task(write_later(kit, store, event, chance.random() / 20))
        after = to_token([Position("contact", record.id, record.version)])
        page = require_ok(await client.get("/v1/search", params={"q": word or before or "", "after": after}))
        await writing
        was_there = page["caught_up"]
        while not page["caught_up"]:  # said truthfully: it is asked again, as a client would
            page = require_ok(await client.get("/v1/search", params={"q": word or before or "", "after": after}))
        count += was_there
        assert list_titles(page) == ([] if word is None else [word])
        before = word
    return count


async def write_later(kit: Kit, store: DocumentStore, event: Event, pause_s: float) -> None:
    await asyncio.sleep(pause_s)
    await index_records([event], kit.database, store)


def list_titles(page: dict[str, Any]) -> list[str]:
    return [item["title"] for item in page["items"]]


async def read_freshness(kit: Kit, story: SearchStory) -> tuple[int, float]:
    body = require_ok(await kit.client(story.tenant.rep).get("/v1/search/freshness"))
    return body["waiting"], body["seconds_behind"]


async def test_a_tenants_freshness_tells_what_waits_and_since_when(search: Kit, store: DocumentStore) -> None:
    story, other = SearchStory(await search.seed_tenant()), SearchStory(await search.seed_tenant())
    assert await read_freshness(search, story) == (0, 0.0)
    contact = story.add("contact", "contact", first_name="Zebra")
    deal = story.add("deal", "deal", contact_id=contact.id, pipeline_id=contact.id, stage_id=contact.id)
    await save(search, contact, deal)
    waiting, first_s = await read_freshness(search, story)
    assert waiting == 2
    assert first_s > 0
    await save(search, contact)
    waiting, second_s = await read_freshness(search, story)
    assert (waiting, second_s > first_s) == (2, True)  # a second change makes the first no younger
    assert await read_freshness(search, other) == (0, 0.0)

    await indexing.catch_up(search.database, store)
    assert await read_freshness(search, story) == (0, 0.0)

    await save(search, contact)
    await indexing.flush(search.database, store)
    assert (await read_freshness(search, story))[0] == 1  # the deal shows the contact, and does not know yet
    await indexing.catch_up(search.database, store)


async def save(kit: Kit, *changed: PublishedRecord) -> None:
    """Take changes in as a worker does that dies before the index has them."""
    events = [
        record.change(**({"first_name": f"Zebra {record.version}"} if record.aggregate == "contact" else {}))
        for record in changed
    ]
    async with kit.database.begin_as_worker() as transaction:
        await records.save(transaction, [to_record(event) for event in events])
