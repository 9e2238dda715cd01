"""A user who leaves hands over deals: the directory's event sets it off, and every deal tells of its new owner."""

import asyncio

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event
from crm_shared.features.handover.following import hand_over_due
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import publish_user

pytestmark = pytest.mark.engines

CLOCK = SystemClock()


async def follow(sales: Sales, *events: Event) -> None:
    """Let both groups that read the directory have the events, each when it likes."""
    await asyncio.gather(
        consumers.hand_over(list(events), sales.kit.database, CLOCK),
        consumers.keep_directory(list(events), sales.kit.database),
    )


async def test_deals_open_and_closed_go_to_the_successor(sales: Sales, elsewhere: Sales) -> None:
    tenant = sales.tenant
    deals = [await sales.create() for _ in range(3)]
    deals[0] = await sales.move(deals[0], "Closed Won")
    theirs = await sales.create(sales.other_rep)
    untouched = await elsewhere.create()
    await sales.take_events()
    left = publish_user(tenant.rep, version=2, by=tenant.admin, active=False, successor_id=tenant.other_rep.id)

    await follow(sales, left)

    require_problem(await sales.rep.get("/v1/deals"), 401)
    owned = await walk_pages(sales.other_rep, "/v1/deals")
    assert {deal["id"] for deal in owned} == {theirs["id"], *(deal["id"] for deal in deals)}
    published = {str(event.aggregate_id): event for event in await sales.take_events()}
    assert published.keys() == {deal["id"] for deal in deals}
    for before in deals:
        event = published[before["id"]]
        after = require_ok(await sales.other_rep.get(f"/v1/deals/{before['id']}"))
        assert (event.verb, event.version, event.actor_id) == ("updated", before["version"] + 1, tenant.admin.id)
        assert event.changed == {"owner_id": {"from": str(tenant.rep.id), "to": str(tenant.other_rep.id)}}
        assert event.state == after
        assert (after["status"], after["stage_changed_at"]) == (before["status"], before["stage_changed_at"])
    assert require_ok(await elsewhere.rep.get(f"/v1/deals/{untouched['id']}")) == untouched

    await follow(sales, left)
    assert await sales.take_events() == []


async def test_chains_and_returns_come_in_any_order(sales: Sales) -> None:
    tenant = sales.tenant
    await sales.create()
    first = publish_user(tenant.rep, version=2, active=False, successor_id=tenant.other_rep.id)
    second = publish_user(tenant.other_rep, version=2, active=False, successor_id=tenant.manager.id)
    # In truth they came back before the second left to them; this replica hears of the two the other way round.
    circle = publish_user(tenant.manager, version=2, active=False, successor_id=tenant.rep.id)
    await follow(sales, second, first, circle)
    assert [deal["owner_id"] for deal in await walk_pages(sales.admin, "/v1/deals")] == [str(tenant.rep.id)]

    await follow(sales, publish_user(tenant.manager, version=3))

    assert [deal["owner_id"] for deal in await walk_pages(sales.admin, "/v1/deals")] == [str(tenant.manager.id)]
    await follow(sales, first, second, circle)
    assert [deal["owner_id"] for deal in await walk_pages(sales.admin, "/v1/deals")] == [str(tenant.manager.id)]


async def test_an_event_that_the_directory_has_not_heard_of_is_left_to_the_sweep(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_shared.features.handover.following.CONSUMER_WITHIN_S", 0.1)
    tenant = sales.tenant
    await sales.create()
    left = publish_user(tenant.rep, version=2, active=False, successor_id=tenant.manager.id)

    await consumers.hand_over([left], sales.kit.database, CLOCK)
    assert [deal["owner_id"] for deal in await walk_pages(sales.admin, "/v1/deals")] == [str(tenant.rep.id)]

    await consumers.keep_directory([left], sales.kit.database)
    assert await hand_over_due(sales.kit.database, consumers.ALL_OWNED, CLOCK) >= 1
    assert [deal["owner_id"] for deal in await walk_pages(sales.admin, "/v1/deals")] == [str(tenant.manager.id)]
