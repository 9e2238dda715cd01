"""A search that is to hold certain writes waits for them, and tells nothing of what is out of sight."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from crm_search.consumers import index_records
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.clock import new_id
from crm_shared.http.positions import Position, name_nothing, to_token
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PUBLISHED_AT, PublishedRecord
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


Publish = Callable[..., Awaitable[None]]


Kit = ServiceKit[SearchSettings]


@pytest.fixture
def story(tenant: SeededTenant) -> SearchStory:
    return SearchStory(tenant)


async def test_a_search_after_a_write_holds_it(search: Kit, story: SearchStory, store: DocumentStore) -> None:
    contact = story.add("contact", "contact", first_name="Zebra")
    note = story.add("note", "activity", subject="Zebra", user_id=story.tenant.admin.id, contact_id=contact.id)
    client = search.client(story.tenant.rep)

    async def write_later() -> None:
        await asyncio.sleep(0.3)
        await index_records([note.publish(), contact.publish()], search.database, store)

    writing = asyncio.create_task(write_later())
    after = [to_token([position_of(contact)]), to_token([position_of(note)])]
    body = require_ok(await client.get("/v1/search", params={"q": "zebra", "after": after}))
    await writing
    assert body["caught_up"] is True
    assert set(story.name_items(body["items"])) == {"contact", "note"}


def position_of(record: PublishedRecord, version: int | None = None) -> Position:
    return Position(record.aggregate, record.id, version or record.version)


async def test_a_write_that_does_not_come_is_waited_for_two_seconds_at_most(
    search: Kit, story: SearchStory, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    default_s = SearchSettings.model_fields["position_wait_s"].default
    monkeypatch.setitem(search.settings.__dict__, "position_wait_s", default_s)
    contact = story.add("contact", "contact", first_name="Zebra")
    await publish(contact.publish())
    client = search.client(story.tenant.admin)
    began = asyncio.get_running_loop().time()
    body = require_ok(
        await client.get("/v1/search", params={"q": "zebra", "after": to_token([position_of(contact, 2)])})
    )
    assert 1.9 <= asyncio.get_running_loop().time() - began < 30
    assert body["caught_up"] is False
    assert story.name_items(body["items"]) == ["contact"]


async def test_a_position_tells_nothing_of_a_record_out_of_sight(
    search: Kit, story: SearchStory, publish: Publish
) -> None:
    """Anybody can write a position: of a hidden record the answer is that of one which isn't there."""
    tenant = story.tenant
    owned, hidden = {"owner_id": tenant.rep.id}, {"owner_id": tenant.other_rep.id}
    deal = {"pipeline_id": new_id(), "stage_id": new_id()}
    contact, theirs = story.add("ours", "contact", **owned), story.add("theirs", "contact", **hidden)
    seen = [
        contact,
        story.add("our deal", "deal", **owned, **deal),
        story.add("a note on ours", "activity", user_id=tenant.other_rep.id, contact_id=contact.id),
        story.add("pipeline", "pipeline"),
    ]
    unseen = [
        theirs,
        story.add("their company", "company", **hidden),
        story.add("their deal", "deal", **hidden, **deal),
        story.add("their note", "activity", user_id=tenant.other_rep.id, contact_id=theirs.id),
    ]
    await publish(*story.events())
    people = (tenant.rep, tenant.manager)
    assert await asyncio.gather(*(catch_up(search, person, seen) for person in people)) == [True, True]
    asked = [catch_up(search, person, [record]) for person in people for record in unseen]
    assert await asyncio.gather(*asked) == [False] * len(asked)
    assert await catch_up(search, tenant.admin, [*seen, *unseen]) is True

    shares = [{"user_id": tenant.rep.id, "permission": "READ", "created_at": PUBLISHED_AT, "created_by": None}]
    await publish(theirs.change(shares=shares))
    assert await catch_up(search, tenant.rep, [theirs, unseen[-1]]) is True


async def catch_up(search: Kit, person: Person, records: list[PublishedRecord]) -> bool:
    after = to_token([position_of(record) for record in records])
    answer = await search.client(person).get("/v1/search", params={"q": "zebra", "after": after})
    return bool(require_ok(answer)["caught_up"])


async def test_positions_of_people_and_of_what_search_does_not_hold(search: Kit, story: SearchStory) -> None:
    client = search.client(story.tenant.admin)
    positions = [
        Position("user", story.tenant.rep.id, 1),
        Position("tenant", story.tenant.id, 1),
        Position("webhook", uuid4(), 9),
    ]
    body = require_ok(await client.get("/v1/search", params={"q": "zebra", "after": to_token(positions)}))
    assert body["caught_up"] is True
    after = [name_nothing(story.tenant.id), to_token([Position("import", uuid4(), 1)])]
    assert require_ok(await client.get("/v1/search", params={"q": "zebra", "after": after}))["caught_up"] is True
