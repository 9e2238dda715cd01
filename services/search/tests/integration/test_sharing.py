"""A shared contact is found with its deals and activities by whom it is shared with, and its names may be read."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crm_search.consumers import index_records
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Publish = Callable[..., Awaitable[None]]
Kit = ServiceKit[SearchSettings]

ACCOUNT = {"contact", "deal", "note-on-contact", "note-on-deal"}


def shares(*people: Person, permission: str = "READ") -> list[dict[str, Any]]:
    return [{"user_id": person.id, "permission": permission} for person in people]


def make_account(tenant: SeededTenant) -> SearchStory:
    """Make the REP's contact with a deal, a note on each, and a contact that is not shared."""
    story = SearchStory(tenant)
    contact = story.add("contact", "contact", first_name="Zebra")
    deal = story.add("deal", "deal", name="Zebra", contact_id=contact.id, pipeline_id=new_id(), stage_id=new_id())
    story.add("note-on-contact", "activity", subject="Zebra", contact_id=contact.id)
    story.add("note-on-deal", "activity", subject="Zebra", deal_id=deal.id)
    story.add("other-contact", "contact", first_name="Zebra")
    return story


async def test_a_share_brings_the_whole_account_and_takes_it_away(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = make_account(tenant)
    await publish(*story.events())
    client = search.client(tenant.other_rep)
    assert await story.find(client, "zebra") == []

    await publish(story["contact"].change(shares=shares(tenant.other_rep)))

    body = require_ok(await client.get("/v1/search", params={"q": "zebra"}))
    assert set(story.name_items(body["items"])) == ACCOUNT
    assert body["facets"]["type"] == {"contact": 1, "company": 0, "deal": 1, "activity": 2}
    assert await story.suggest(client, "zeb") == ["contact"]

    await publish(story["contact"].change(shares=[]))

    assert await story.find(client, "zebra") == []
    assert await story.suggest(client, "zeb") == []
    assert set(await story.find(search.client(tenant.rep), "zebra")) == ACCOUNT | {"other-contact"}


async def test_whatever_comes_first_the_account_is_seen(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    story = make_account(tenant)
    story["contact"].state["shares"] = shares(tenant.other_rep)
    for name in ("note-on-deal", "deal", "note-on-contact", "contact"):
        await publish(story[name].publish())
    assert set(await story.find(search.client(tenant.other_rep), "zebra")) == ACCOUNT


async def test_a_deal_that_changes_its_contact_takes_its_activities_along(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = make_account(tenant)
    story["contact"].state["shares"] = shares(tenant.other_rep)
    await publish(*story.events())
    client = search.client(tenant.other_rep)

    await publish(story["deal"].change(contact_id=story["other-contact"].id))
    assert set(await story.find(client, "zebra")) == {"contact", "note-on-contact"}
    await publish(story["other-contact"].change(shares=shares(tenant.other_rep)))
    assert set(await story.find(client, "zebra")) == {*ACCOUNT, "other-contact"}


async def test_names_are_found_and_shown_to_whom_they_are_shared_with(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    contact = story.add("contact", "contact", first_name="Quagga", shares=shares(tenant.other_rep))
    hidden = story.add("hidden", "contact", first_name="Okapi")
    related: dict[str, Any] = {"pipeline_id": new_id(), "stage_id": new_id()}
    deal = story.add("deal", "deal", name="Renewal", contact_id=contact.id, **related)
    other = story.add("other-deal", "deal", name="Tapir", contact_id=hidden.id, **related)
    story.add("mine", "activity", subject="Call", user_id=tenant.other_rep.id, deal_id=deal.id)
    story.add("crossing", "activity", subject="Visit", contact_id=contact.id, deal_id=other.id)
    await publish(*story.events())
    client = search.client(tenant.other_rep)

    assert set(await story.find(client, "quagga")) == {"contact", "deal", "crossing"}
    assert set(await story.find(client, "renewal")) == {"deal", "mine"}
    assert await story.find(client, "tapir") == []  # that deal's contact is not shared, so neither is its name
    body = require_ok(await client.get("/v1/search", params={"q": "visit"}))
    assert body["items"][0]["record"] | {"contact_name": "Quagga", "deal_name": None} == body["items"][0]["record"]


async def test_a_contact_deleted_or_merged_away_is_shared_with_nobody(
    search: Kit, tenant: SeededTenant, publish: Publish
) -> None:
    story = make_account(tenant)
    story["contact"].state["shares"] = shares(tenant.other_rep)
    await publish(*story.events())
    client = search.client(tenant.other_rep)

    await publish(story["contact"].delete())
    assert await story.find(client, "zebra") == []
    await publish(story["contact"].change(deleted_at=None))
    assert set(await story.find(client, "zebra")) == ACCOUNT
    await publish(story["contact"].change(merged_into=story["other-contact"].id))
    assert await story.find(client, "zebra") == []


async def test_strangers_find_nothing(search: Kit, tenant: SeededTenant, publish: Publish) -> None:
    strangers = await search.seed_tenant()
    story = make_account(tenant)
    story["contact"].state["shares"] = shares(strangers.rep, strangers.admin, permission="WRITE")
    await publish(*story.events())
    for person in (*strangers.people, tenant.other_rep):
        assert await story.find(search.client(person), "zebra") == []
        assert await story.suggest(search.client(person), "zeb") == []


async def test_replays_write_nothing(search: Kit, store: DocumentStore, tenant: SeededTenant) -> None:
    story = make_account(tenant)
    published = story.events()
    published += [story["contact"].change(shares=shares(tenant.other_rep, tenant.manager))]
    published += [story["contact"].change(shares=shares(tenant.manager, permission="WRITE"))]
    await index_records(published, search.database, store)
    tables = ("contact_shares", "search_records")
    settled = await search.list_rows(*tables)
    for batch in (published, published[:-1], list(reversed(published))):
        await index_records(batch, search.database, store)
        assert await search.list_rows(*tables) == settled
    async with search.database.read_as_worker() as connection:
        rows = await connection.fetch("SELECT user_id FROM contact_shares WHERE tenant_id = $1", tenant.id)
    assert [row["user_id"] for row in rows] == [tenant.manager.id]
