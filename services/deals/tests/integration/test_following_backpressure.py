"""Many deals that follow a merged contact are told of no faster than others can read of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals.consumers import keep_replicas
from crm_shared.backpressure import Backpressure
from crm_shared.features.replicas import merge_following
from crm_testing.published_merges import PublishedContacts

pytestmark = pytest.mark.engines


@dataclass(frozen=True, slots=True)
class WatchedBackpressure(Backpressure):
    """Looks, instead of waiting, at how far things have gone."""

    look: Callable[[], Awaitable[None]]

    async def wait(self) -> None:
        await self.look()


async def follow(sales: Sales, deals: int) -> list[int]:
    """Merge a contact of as many deals; return how many had moved at each time that the pace was asked."""
    published = PublishedContacts(sales.tenant.id, sales.tenant.rep.id)
    first, second = published.create(), published.create()
    await keep_replicas(published.events, sales.kit.database)
    for _ in range(deals):
        await sales.create(contact_id=str(first))
    moved: list[int] = []

    async def look() -> None:
        moved.append(await count_of(sales, second))

    backpressure = WatchedBackpressure(
        sales.kit.database, readers=None, most_unsent=0, most_behind=0, poll_s=0, look=look
    )
    await keep_replicas(published.merge(first, into=second), sales.kit.database, backpressure)
    assert await count_of(sales, second) == deals
    return moved


async def count_of(sales: Sales, contact_id: UUID) -> int:
    async with sales.kit.database.read_as_worker() as connection:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM deals WHERE tenant_id = $1 AND contact_id = $2", sales.tenant.id, contact_id
            )
        )


async def test_each_batch_waits_for_the_readers_of_the_one_before(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_following, "BATCH_RECORDS", 2)
    assert await follow(sales, deals=5) == [2, 4]


async def test_a_small_merge_waits_for_nobody(sales: Sales) -> None:
    assert await follow(sales, deals=3) == []


async def test_readers_that_stand_still_do_not_hold_up_the_replica(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_following, "BATCH_RECORDS", 2)
    monkeypatch.setattr(merge_following, "BACKPRESSURE_WITHIN_S", 0.0)
    assert await follow(sales, deals=5) == []
