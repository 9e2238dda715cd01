"""Deals follow a merged contact and return when it is parted: whatever the order of events, however often they come."""

from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.following_kit import hear, open_contacts, place_of, read
from services.deals.tests.integration.sales import Sales

from crm_deals.consumers import FOLLOWERS
from crm_shared.clock import SystemClock, new_id
from crm_shared.features.replicas.merge_following import Followers, follow_merges
from crm_testing.answers import require_problem, walk_pages

pytestmark = pytest.mark.engines


Json = dict[str, Any]


async def test_a_deal_follows_and_returns_and_each_time_is_told(sales: Sales) -> None:
    published, (first, second) = await open_contacts(sales, 2)
    deal, own = await sales.create(contact_id=str(first)), await sales.create(contact_id=str(second))
    await sales.take_events()

    await hear(sales, published.merge(first, into=second))
    added = await sales.create(contact_id=str(second))

    assert await place_of(sales, deal) == (str(second), str(first))
    event, _ = await sales.take_events()
    assert (event.type, event.version, event.actor_id) == ("crm.deal.updated", 2, None)
    assert set(event.changed or ()) == {"contact_id", "original_contact_id"}
    assert event.state == await read(sales, deal)

    await hear(sales, published.part(first))

    assert await place_of(sales, deal) == (str(first), None)
    assert await place_of(sales, own) == (str(second), None)
    assert await place_of(sales, added) == (str(second), None)
    (back,) = await sales.take_events()
    assert (back.aggregate_id, back.version) == (UUID(deal["id"]), 3)


async def test_a_replay_in_any_order_changes_nothing(sales: Sales) -> None:
    published, (a, b, c) = await open_contacts(sales, 3)
    deals = [await sales.create(contact_id=str(contact)) for contact in (a, b, c)]
    for events in (published.merge(a, into=b), published.merge(b, into=c)):
        await hear(sales, events)
    before = await sales.kit.list_rows("deals", "outbox", "record_changes", "replica_records")

    for seed in range(5):
        await hear(sales, Random(seed).sample(published.events, len(published.events)))  # noqa: S311

    assert await sales.kit.list_rows("deals", "outbox", "record_changes", "replica_records") == before
    assert [await place_of(sales, deal) for deal in deals] == [(str(c), str(a)), (str(c), str(b)), (str(c), None)]


async def test_of_a_chain_the_later_merge_alone_is_parted(sales: Sales) -> None:
    published, (a, b, c) = await open_contacts(sales, 3)
    deals = [await sales.create(contact_id=str(contact)) for contact in (a, b, c)]
    later = [*published.merge(a, into=b), *published.merge(b, into=c)]
    await hear(sales, later[2:])  # of the second merge first: the topic's partitions keep no order among contacts
    await hear(sales, later[:2])
    assert [(await place_of(sales, deal))[0] for deal in deals] == [str(c)] * 3

    await hear(sales, published.part(b))

    assert [await place_of(sales, deal) for deal in deals] == [(str(b), str(a)), (str(b), None), (str(c), None)]
    await hear(sales, published.part(a))
    assert [await place_of(sales, deal) for deal in deals] == [(str(x), None) for x in (a, b, c)]


async def test_a_deal_that_somebody_gave_away_stays_there(sales: Sales) -> None:
    published, (first, second, third) = await open_contacts(sales, 3)
    deal = await sales.create(contact_id=str(first))
    await hear(sales, published.merge(first, into=second))

    await sales.rep.patch(f"/v1/deals/{deal['id']}", json={"contact_id": str(third)})
    assert await place_of(sales, deal) == (str(third), None)
    await hear(sales, published.part(first))

    assert await place_of(sales, deal) == (str(third), None)


async def test_a_deleted_deal_follows_too(sales: Sales) -> None:
    published, (first, second) = await open_contacts(sales, 2)
    deal = await sales.create(contact_id=str(first))
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE deals SET deleted_at = now() WHERE id = $1", UUID(deal["id"]))

    await hear(sales, published.merge(first, into=second))

    async with sales.kit.database.read_as_worker() as connection:
        assert await connection.fetchval("SELECT contact_id FROM deals WHERE id = $1", UUID(deal["id"])) == second


async def test_a_merged_contact_takes_no_new_deals(sales: Sales) -> None:
    published, (first, second) = await open_contacts(sales, 2)
    deal = await sales.create()
    await hear(sales, published.merge(first, into=second))

    created = await sales.rep.post("/v1/deals", json={"name": "Acme", "contact_id": str(first)})
    edited = await sales.rep.patch(f"/v1/deals/{deal['id']}", json={"contact_id": str(first)})

    require_problem(created, 422, "unknown-reference", "/contact_id")
    require_problem(edited, 422, "unknown-reference", "/contact_id")


async def test_what_compaction_left_of_a_story_is_enough(sales: Sales) -> None:
    published, (first, second) = await open_contacts(sales, 2)
    deal = await sales.create(contact_id=str(first))
    await hear(sales, published.merge(first, into=second))

    published.part(first)
    newest = published.edit(first, "Grace")  # the event that told of the parting is gone from the topic

    await hear(sales, newest)
    assert await place_of(sales, deal) == (str(first), None)


async def test_many_deals_move_in_batches(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    published, (first, second) = await open_contacts(sales, 2)
    monkeypatch.setattr("crm_shared.features.replicas.merge_following.BATCH_RECORDS", 7)
    for _ in range(30):
        await sales.create(contact_id=str(first))
    await sales.take_events()

    await hear(sales, published.merge(first, into=second))

    assert len(await walk_pages(sales.rep, "/v1/deals", contact_id=str(second))) == 30
    assert [event.version for event in await sales.take_events()] == [2] * 30


async def test_contacts_that_were_never_merged_cost_one_statement_a_batch(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    published, ids = await open_contacts(sales, 3)
    calls = []

    async def move(*_: object) -> int:
        calls.append(1)
        return 0

    monkeypatch.setattr(Followers, "move", move)
    await follow_merges(sales.kit.database, FOLLOWERS, [(published.tenant_id, one) for one in ids], SystemClock())
    assert calls == []


async def test_a_contact_whose_end_can_not_be_read_is_gone_and_stays_merged(sales: Sales) -> None:
    published, (first, second) = await open_contacts(sales, 2)
    deal = await sales.create(contact_id=str(first))
    published.merge(first, into=second)
    await hear(sales, published.events)
    last = published.events[-1]
    for contact_id in (first, second):
        version = max(event.version for event in published.events if event.aggregate_id == contact_id) + 1
        state = {"id": str(contact_id), "version": version, "created_at": "0001-01-01T00:00:00"}
        end = replace(
            last, id=new_id(), type="crm.contact.erased", aggregate_id=contact_id, version=version, state=state
        )
        await hear(sales, [end])
        await hear(sales, [end, *published.events])
    assert await place_of(sales, deal) == (str(second), str(first))
    async with sales.kit.database.read_as_worker() as connection:
        rows = await connection.fetch(
            "SELECT id, name, is_deleted, merged_into FROM replica_records WHERE tenant_id = $1", sales.tenant.id
        )
    assert {tuple(row) for row in rows} == {(first, "", True, second), (second, "", True, None)}
