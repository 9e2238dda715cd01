"""Deals that are written while their contacts are merged: nobody's is left behind."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.deals.tests.integration.following_kit import hear, open_contacts, place_of
from services.deals.tests.integration.sales import Sales, open_sales

from crm_shared.contracts import Event
from crm_shared.features.replicas.canonical import MergeGroup, lock_canonical, lock_merge_group
from crm_testing.answers import require_ok, walk_pages
from crm_testing.published_merges import PublishedContacts

pytestmark = pytest.mark.engines


Json = dict[str, Any]


WAITED_S = 0.3  # longer than any of these takes when nothing is in its way


async def test_no_deal_is_left_behind_when_it_is_created_during_the_merge(sales: Sales) -> None:
    for _ in range(5):
        published, (first, second) = await open_contacts(sales, 2)
        merged = published.merge(first, into=second)

        answers = await asyncio.gather(
            *(sales.rep.post("/v1/deals", json={"name": "Acme", "contact_id": str(first)}) for _ in range(10)),
            hear(sales, merged),
            *(sales.rep.post("/v1/deals", json={"name": "Acme", "contact_id": str(first)}) for _ in range(10)),
        )

        created = [answer.json()["id"] for answer in answers if answer is not None and answer.status_code == 201]
        assert {answer.status_code for answer in answers if answer is not None} <= {201, 422}
        assert await walk_pages(sales.admin, "/v1/deals", contact_id=str(first)) == []
        found = await walk_pages(sales.admin, "/v1/deals", contact_id=str(second))
        assert {deal["id"] for deal in found} == set(created)


async def test_two_merges_of_a_chain_heard_at_once_end_at_its_end(sales: Sales) -> None:
    for _ in range(5):
        published, (a, b, c) = await open_contacts(sales, 3)
        deals = [await sales.create(contact_id=str(contact)) for contact in (a, a, b, b)]
        one, two = published.merge(a, into=b), published.merge(b, into=c)

        await asyncio.gather(hear(sales, one[:1]), hear(sales, two[:1]), hear(sales, [*one, *two]), hear(sales, two))
        assert {(await place_of(sales, deal))[0] for deal in deals} == {str(c)}

        await asyncio.gather(hear(sales, published.part(b)), hear(sales, published.part(a)))
        places = [await place_of(sales, deal) for deal in deals]
        assert places == [(str(x), None) for x in (a, a, b, b)]


async def test_a_merge_waits_for_who_moves_deals_of_its_family(sales: Sales) -> None:
    published, (a, b, c) = await open_contacts(sales, 3)
    await hear(sales, published.merge(a, into=b))

    async with sales.kit.database.begin_as_worker() as transaction:
        assert await lock_merge_group(transaction, published.tenant_id, b) == MergeGroup(b, (a,))
        later = [asyncio.create_task(hear(sales, events)) for events in (published.part(a), published.merge(b, into=c))]
        await asyncio.sleep(WAITED_S)
        assert not any(task.done() for task in later)
    await asyncio.gather(*later)

    async with sales.kit.database.begin_as_worker() as transaction:
        assert await lock_merge_group(transaction, published.tenant_id, b) == MergeGroup(c, (b,))


async def test_a_merge_waits_for_a_deal_that_is_being_created(sales: Sales) -> None:
    published, (first, second) = await open_contacts(sales, 2)

    async with sales.kit.database.begin_as_worker() as transaction:
        assert await lock_canonical(transaction, [(published.tenant_id, first)]) == {
            (published.tenant_id, first): first
        }
        heard = asyncio.create_task(hear(sales, published.merge(first, into=second)))
        await asyncio.sleep(WAITED_S)
        assert not heard.done()
    await heard


STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "merge", "part", "give"]), st.integers(0, 3), st.integers(0, 3)), max_size=14
)


@given(steps=STEPS, seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_story_puts_each_deal_where_its_contact_lives(
    sales: Sales, steps: list[tuple[str, int, int]], seed: int
) -> None:
    sales = await open_sales(sales.kit, await sales.kit.seed_tenant(), sales.contacts)
    published, ids = await open_contacts(sales, 4)
    given_to: dict[str, UUID] = {}  # deal -> the contact that somebody gave it to
    random = Random(seed)  # noqa: S311
    for step, one, two in steps:
        contact = published.find_canonical(ids[one])
        if step == "create":
            given_to[(await sales.create(contact_id=str(contact)))["id"]] = contact
        elif step == "give" and given_to:
            deal_id = sorted(given_to)[two % len(given_to)]
            if published.find_canonical(given_to[deal_id]) != contact:  # else nothing changes
                given_to[deal_id] = contact
            require_ok(await sales.rep.patch(f"/v1/deals/{deal_id}", json={"contact_id": str(contact)}))
        elif step == "merge" and contact != published.find_canonical(ids[two]):
            await hear_mixed(
                sales, published, published.merge(contact, into=published.find_canonical(ids[two])), random
            )
        elif step == "part" and published.contacts[ids[one]].state["merged_into"] is not None:
            await hear_mixed(sales, published, published.part(ids[one]), random)

    for deal in await walk_pages(sales.admin, "/v1/deals"):
        first = given_to[deal["id"]]
        canonical_id = published.find_canonical(first)
        assert (deal["contact_id"], deal["original_contact_id"]) == (
            str(canonical_id),
            None if first == canonical_id else str(first),
        )
    versions: dict[object, int] = {}
    for event in await sales.take_events():
        if event.aggregate == "deal":
            assert event.version == versions.get(event.aggregate_id, 0) + 1
            versions[event.aggregate_id] = event.version


async def hear_mixed(sales: Sales, published: PublishedContacts, news: list[Event], random: Random) -> None:
    """Deliver the news among older events, in any order."""
    older = random.sample(published.events, random.randint(0, len(published.events)))
    await hear(sales, random.sample([*news, *older], len(news) + len(older)))
