"""No text, however long, holds up what others have written or ask."""

import asyncio
import base64
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from crm_search.consumers import index_records
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.worker import Worker
from crm_shared.clock import new_id
from crm_shared.telemetry.loop_lag import watching_loop
from crm_testing.answers import require_problem
from crm_testing.records import RawRecord, make_topic, write_records
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Publish = Callable[..., Awaitable[None]]
LAG = "crm_event_loop_lag_seconds"


@asynccontextmanager
async def working(service: Kit, store: DocumentStore, kafka_bootstrap: str) -> AsyncIterator[str]:
    """Consume a topic of the test's own in this process, under the consumer's own settings; give the topic's name."""
    group_id = f"search.index-{uuid.uuid4().hex[:8]}"
    topic = await make_topic(kafka_bootstrap, group_id=group_id)
    subscription = replace(index_records.bind(service.database, store), topics=(topic,), group_id=group_id)
    worker = Worker(ConsumerSettings(kafka_bootstrap, client_id="test"), [subscription])
    task = asyncio.create_task(worker.run())
    try:
        yield topic
    finally:
        worker.stop()
        await task


def count_late() -> float:
    """Count the event loop's lags of more than 2.5 s: what held it up took far longer, and a busy machine does not."""
    every = REGISTRY.get_sample_value(f"{LAG}_count") or 0
    return every - (REGISTRY.get_sample_value(f"{LAG}_bucket", {"le": "2.5"}) or 0)


@pytest.mark.parametrize("letter", ["a", "漢", "각", "ก", "e\u0301", "a-"])
async def test_the_longest_texts_of_one_tenant_hold_up_no_other(
    search: Kit, store: DocumentStore, kafka_bootstrap: str, letter: str
) -> None:
    loud, quiet = SearchStory(await search.seed_tenant()), SearchStory(await search.seed_tenant())
    long_text = letter * 50_000
    custom = {f"field_{number}": base64.b64encode(os.urandom(3_700)).decode() for number in range(19)}
    for number in range(5):
        loud.add(
            f"deal-{number}", "deal", stage_id=new_id(), pipeline_id=new_id(), lost_reason=long_text[:50_000],
            description=long_text[:50_000], custom_data=custom,
        )  # fmt: skip
    contact = quiet.add("contact", "contact", first_name="Zebra")
    events = [record.write() for story in (loud, quiet) for record in story.records.values()]
    late_before = count_late()
    async with working(search, store, kafka_bootstrap) as topic, watching_loop():

        async def is_found() -> bool:
            return await quiet.find(search.client(quiet.tenant.admin), "zebra") == ["contact"]

        await write_records(kafka_bootstrap, topic, [RawRecord.of(event) for event in events])
        # Well under a second of work; by the square of the length it was minutes.
        await wait_until(is_found)
    assert contact.version == 1
    assert count_late() == late_before


async def test_a_dear_search_holds_up_nobody(search: Kit, publish: Publish) -> None:
    """Notes of words that share their beginning with the query's: each was compared with each, in the event loop."""
    story = SearchStory(await search.seed_tenant())
    for number in range(12):
        words = " ".join(f"administrati{number}{index:05d}" for index in range(1_100))
        story.add(f"note-{number}", "activity", body=f"{words} zebra")
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    query = " ".join(["zebra", *(f"administrati{letter}" + "x" * 4 for letter in "abcde")])
    late_before = count_late()
    async with watching_loop(), asyncio.timeout(30):
        searching = asyncio.create_task(client.get("/v1/search", params={"q": query, "limit": 200}))
        answers = 0
        while not searching.done():
            assert (await client.get("/livez")).is_success
            answers += 1
            await asyncio.sleep(0.01)
        assert (await searching).is_success
    assert answers > 1
    assert count_late() == late_before


async def test_a_long_text_is_searched_for_by_its_first_words(search: Kit, publish: Publish) -> None:
    story = SearchStory(await search.seed_tenant())
    subject = " ".join(f"word{number}" for number in range(200))[:1000].strip()
    story.add("mail", "activity", type="EMAIL", subject=subject)
    await publish(*story.events())
    client = search.client(story.tenant.admin)
    assert await story.find(client, subject) == ["mail"]
    assert await story.find(client, "漢" * 1000) == []
    assert await story.suggest(client, subject) == []
    for path in ("/v1/search", "/v1/search/suggest"):
        require_problem(await client.get(path, params={"q": "a" * 1001}), 422, "invalid-field", "?q")
