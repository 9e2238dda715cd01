"""A merged contact is found, as its survivor, by what it was called and how it was reached."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random
from typing import Final

import pytest

from crm_search.settings import SearchSettings
from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Publish = Callable[..., Awaitable[None]]
ENDS_WITHIN_S: Final = 60
"""What never ends would hold up all that comes behind it, of every tenant."""
NAMES: Final = ("Quagga", "Okonkwo", "Sjöberg", "Tanaka")

FORMER = ["Zora Quagga", "quagg", "zora.quagga@old.example", "+49 30 901820"]


def add_pair(tenant: SeededTenant) -> tuple[SearchStory, PublishedRecord, PublishedRecord]:
    story = SearchStory(tenant)
    kept = story.add("kept", "contact", first_name="Anna", last_name="Okonkwo", email="anna@new.example")
    gone = story.add(
        "gone", "contact", first_name="Zora", last_name="Quagga", email="zora.quagga@old.example",
        phone="030 901820", phone_e164="+4930901820",
    )  # fmt: skip
    return story, kept, gone


def merge(survivor: PublishedRecord, other: PublishedRecord) -> list[Event]:
    return [survivor.change(), other.change(merged_into=survivor.id, deleted_at=other.state["updated_at"])]


async def find_each(search: Kit, story: SearchStory, person: Person) -> list[list[str]]:
    return [await story.find(search.client(person), query) for query in FORMER]


@pytest.mark.parametrize("order", [1, -1], ids=["the survivor first", "the merged one first"])
async def test_it_is_found_by_its_former_names_in_any_order(
    search: Kit, tenant: SeededTenant, publish: Publish, order: int
) -> None:
    story, kept, gone = add_pair(tenant)
    await publish(*story.events())
    assert await find_each(search, story, tenant.rep) == [["gone"]] * len(FORMER)
    for event in merge(kept, gone)[::order]:
        await publish(event)
    assert await find_each(search, story, tenant.rep) == [["kept"]] * len(FORMER)
    assert await story.find(search.client(tenant.rep), "okonkwo") == ["kept"]
    assert await find_each(search, story, tenant.other_rep) == [[]] * len(FORMER)

    for event in [kept.change(), gone.change(merged_into=None, deleted_at=None)][::order]:
        await publish(event)
    assert await find_each(search, story, tenant.rep) == [["gone"]] * len(FORMER)


async def test_an_answer_says_by_which_former_text(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    story, kept, gone = add_pair(tenant)
    await publish(*story.events())
    await publish(*merge(kept, gone))
    for query, matched, snippet in (
        ("zora quagga", ["name"], "<em>Zora</em> <em>Quagga</em>"),
        ("quagga@old", ["email"], "zora.<em>quagga</em>@<em>old</em>.example"),
        ("030 901820", ["phone"], "<em>030 901820</em>"),
    ):
        body = require_ok(await search.client(tenant.rep).get("/v1/search", params={"q": query}))
        item = body["items"][0]
        assert (item["title"], item["matched"], item["snippet"]) == ("Anna Okonkwo", matched, snippet), query


async def test_merges_of_merges_lead_to_the_last_survivor(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    story, kept, gone = add_pair(tenant)
    last = story.add("last", "contact", first_name="Ines")
    await publish(*story.events())
    await publish(*merge(kept, gone))
    await publish(*merge(last, kept))
    assert await find_each(search, story, tenant.rep) == [["last"]] * len(FORMER)
    assert await story.find(search.client(tenant.rep), "okonkwo") == ["last"]
    await publish(kept.change(merged_into=None, deleted_at=None), last.change())
    assert await find_each(search, story, tenant.rep) == [["kept"]] * len(FORMER)


async def test_another_survivor_takes_the_names_along(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    """The undoing in between may never be heard of: a topic keeps the newest of a key."""
    story, kept, gone = add_pair(tenant)
    story.add("other", "contact", first_name="Ines")
    await publish(*story.events())
    await publish(*merge(kept, gone))
    await publish(gone.change(merged_into=story["other"].id))
    assert await find_each(search, story, tenant.rep) == [["other"]] * len(FORMER)


async def test_who_was_erased_is_found_by_nothing(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    story, kept, gone = add_pair(tenant)
    await publish(*story.events())
    await publish(*merge(kept, gone))
    await publish(gone.erase())
    assert await find_each(search, story, tenant.rep) == [[]] * len(FORMER)
    assert await story.find(search.client(tenant.rep), "okonkwo") == ["kept"]


async def test_one_that_is_deleted_and_merged_no_more_lends_no_names(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story, kept, gone = add_pair(tenant)
    await publish(*story.events())
    await publish(*merge(kept, gone))
    await publish(gone.change(merged_into=None))
    assert await find_each(search, story, tenant.rep) == [[]] * len(FORMER)


def undo(survivor: PublishedRecord, other: PublishedRecord) -> list[Event]:
    return [survivor.change(), other.change(merged_into=None, deleted_at=None)]


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
async def test_merges_in_a_circle_each_undone_before_the_next_come_to_an_end(
    search: Kit, tenant: SeededTenant, publish: Publish, members: int, *, at_once: bool
) -> None:
    story = SearchStory(tenant)
    circle = [story.add(name, "contact", last_name=name) for name in NAMES[:members]]
    await publish(*story.events())
    events = [event for other, survivor in pairwise(circle) for event in merge(survivor, other) + undo(survivor, other)]
    events += merge(circle[0], circle[-1])
    async with asyncio.timeout(ENDS_WITHIN_S):
        for batch in [events] if at_once else [[event] for event in events]:
            await publish(*batch)
    client = search.client(tenant.rep)
    found = [await story.find(client, name) for name in NAMES[:members]]
    assert found == [[name] for name in NAMES[: members - 1]] + [[NAMES[0]]]


@pytest.mark.parametrize("seed", range(6))
async def test_each_is_found_as_its_last_survivor_whatever_was_merged_and_parted(
    search: Kit, tenant: SeededTenant, publish: Publish, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - a test's
    story = SearchStory(tenant)
    contacts = {name: story.add(name, "contact", last_name=name) for name in NAMES}
    events, survivors = [*story.events()], dict.fromkeys(NAMES, "")
    for _ in range(16):
        canonical = [name for name, survivor in survivors.items() if not survivor]
        undoable = [name for name, survivor in survivors.items() if survivor in canonical]
        if undoable and (len(canonical) == 1 or chance.random() < 0.5):
            other = chance.choice(undoable)
            events += undo(contacts[survivors[other]], contacts[other])
            survivors[other] = ""
        else:
            kept, other = chance.sample(canonical, 2)
            events += merge(contacts[kept], contacts[other])
            survivors[other] = kept
    chance.shuffle(events)
    async with asyncio.timeout(ENDS_WITHIN_S):
        while events:
            size = chance.randint(1, 6)
            await publish(*events[:size])
            del events[:size]

    def last_survivor(name: str) -> str:
        return last_survivor(survivors[name]) if survivors[name] else name

    client = search.client(tenant.rep)
    found = {name: await story.find(client, name) for name in NAMES}
    assert found == {name: [last_survivor(name)] for name in NAMES}
