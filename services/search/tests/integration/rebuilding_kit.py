"""An index that is rebuilt while others search and write."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from crm_search import index_registry
from crm_search.consumers import index_records
from crm_search.index_registry import Index, State
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.rebuilding import advance
from crm_search.indexes.verification import verify
from crm_search.settings import SearchSettings
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

Kit = ServiceKit[SearchSettings]


def say(_: str) -> None:
    """Say nothing."""


async def publish_story(kit: Kit, cluster: IndexCluster, *, contacts: int = 20) -> SearchStory:
    story = SearchStory(await kit.seed_tenant())
    company = story.add("company", "company", name="Zebra GmbH")
    for number in range(contacts):
        story.add(f"contact {number}", "contact", first_name="Ines", company_id=company.id)
    await index_records(story.events(), kit.database, cluster.store)
    await cluster.store.refresh()
    return story


async def finish(kit: Kit, cluster: IndexCluster) -> None:
    """Do what a worker does, until nothing is open."""
    while await find_open(kit) is not None:
        if not await advance(kit.database, cluster):
            await asyncio.sleep(0.05)


async def find_open(kit: Kit) -> Index | None:
    async with kit.database.read_as_worker() as connection:
        return await index_registry.find_open(connection, refused_too=True)


async def find_state(kit: Kit, name: str) -> State | None:
    async with kit.database.read_as_worker() as connection:
        index = await index_registry.find(connection, name)
    return None if index is None else index.state


async def count_differences(kit: Kit, cluster: IndexCluster) -> int:
    return sum([one.counts.differences async for one in verify(kit.database, cluster, progress=say)])


async def search_all_along(kit: Kit, story: SearchStory, kept: set[str], seen: list[set[str]]) -> None:
    """Search until cancelled; each answer has all of `kept`, or this raises."""
    client = kit.client(story.tenant.admin)
    while True:
        found = set(await story.find(client, "ines"))
        seen.append(found)
        assert kept <= found


async def write_all_along(kit: Kit, cluster: IndexCluster, story: SearchStory) -> None:
    """Change, delete and make records until cancelled, as two workers do that hear of the same ones."""
    chance = random.Random(5)  # noqa: S311 - the same tale in every run
    number = 0
    while True:
        number += 1
        story.add(f"new {number}", "contact", first_name="Ines")
        events = [
            story[f"new {number}"].publish(),
            story[f"contact {chance.randrange(10)}"].change(last_name=f"Change {number}"),
        ]
        if number > 3:
            events.append(story[f"new {number - 3}"].delete())
        events.append(story["company"].change(name=f"Zebra {number}"))
        await asyncio.gather(*(index_records(events, kit.database, cluster.store) for _ in range(2)))


@asynccontextmanager
async def all_along(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Run these beside the block; what one raises is raised at its end."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome
