"""Deliveries over a network that loses and cuts things, and beside other tenants' floods."""

import asyncio
import json
from collections import defaultdict
from itertools import pairwise

import pytest
from services.deals.tests.integration.faulty_network import faulty_network
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import Dispatching, Erp, has_come, open_erp

from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.engines
STAGES = ("Discovery", "Proposal", "Negotiation", "Closed Won")


async def test_a_deals_events_arrive_in_order_over_a_faulty_network(sales: Sales, receiver: Receiver) -> None:
    types = ("crm.deal.created", "crm.deal.stage_changed", "crm.deal.won")
    async with faulty_network(receiver.port, seed=1, delay_s=0.1) as network:
        erp = await open_erp(sales, Receiver(port=network.port), *types)
        deals = [await sales.create() for _ in range(6)]
        for stage in STAGES:
            await asyncio.gather(*(sales.move(deal, stage) for deal in deals))
        await erp.publish()
        # Two workers share the queue, as in a deployment.
        async with Dispatching(sales, webhook_timeout_s=0.4), Dispatching(sales, webhook_timeout_s=0.4):
            await wait_until(erp.has_sent_all)
    assert len(network.met) >= 6, network.met  # it was as faulty as it says
    seen: dict[str, list[int]] = defaultdict(list)
    keys: dict[str, tuple[str, int]] = {}
    for received in receiver.received:
        body = json.loads(received.body)
        place = (body["subject"], int(body["sequence"]))
        assert keys.setdefault(received.headers["idempotency-key"], place) == place  # one key, one event
        seen[place[0]].append(place[1])
    assert len(keys) == 6 * 6
    for deal in deals:
        versions = seen[deal["id"]]
        assert list(dict.fromkeys(versions)) == [1, 2, 3, 4, 5, 6]
        assert all(later - earlier in {0, 1} for earlier, later in pairwise(versions)), versions  # no one goes back
    assert {delivery["status"] for delivery in await erp.list_deliveries()} == {"DELIVERED"}


async def test_a_tenants_flood_to_a_hanging_endpoint_holds_up_nobody_elses_delivery(
    sales: Sales, elsewhere: Sales, erp: Erp
) -> None:
    async with receiving() as hanging:
        hanging.behave = lambda _received: None
        floods = [await open_erp(elsewhere, hanging, "crm.deal.created") for _ in range(4)]
        for _ in range(40):
            await elsewhere.create()
        await floods[0].publish()
        # The worker may have ten attempts under way, and each of these takes a minute.
        limits = {"webhook_total_concurrency": 10, "webhook_tenant_concurrency": 8, "webhook_timeout_s": 60}
        async with Dispatching(sales, **limits) as dispatcher:
            await wait_until(lambda: has_come(floods[0]))
            await sales.create()
            await erp.publish()
            await wait_until(erp.has_sent_all)
            for task in list(dispatcher._under_way):  # noqa: SLF001 - nobody waits for them
                task.cancel()
    assert hanging.most_at_once <= 8
    assert [version for _, version in erp.versions] == [1]
