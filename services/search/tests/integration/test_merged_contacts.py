"""A merged contact is found, as its survivor, by what it was called and how it was reached."""

from collections.abc import Awaitable, Callable

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
