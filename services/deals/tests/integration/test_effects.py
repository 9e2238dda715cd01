"""`crm-deals why` says what became of an event's deliveries, and which version of another's record is kept."""

import pytest
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.webhook_kit import Dispatching, has_attempts, open_erp, wake_nobody

from crm_deals import consumers
from crm_deals.effects import find_effects
from crm_shared.contracts import Event
from crm_shared.features.event_tracking.parts import Effect
from crm_testing.published_records import make_contact_event
from crm_testing.waiting import wait_until
from crm_testing.webhook_receiver import OK, Receiver, answer

pytestmark = pytest.mark.engines


async def test_a_delivery_waits_until_it_is_there(sales: Sales, receiver: Receiver) -> None:
    erp = await open_erp(sales, receiver, "crm.deal.won")
    await sales.move(await sales.create(), "Closed Won")
    published = await sales.take_events()
    (won,) = [event for event in published if event.type == "crm.deal.won"]

    async def find_delivery() -> Effect:
        (effect,) = await find_effects(sales.kit.settings, won)
        return effect

    assert await find_effects(sales.kit.settings, won) == []
    await consumers.queue_for_webhooks(published, sales.kit.database, wake_nobody)
    waiting = await find_delivery()
    assert (waiting.state, waiting.detail, waiting.at) == ("waits", f"{receiver.url}: not tried yet, 0 tries", None)
    receiver.behave = lambda _received: answer(500)
    async with Dispatching(sales):
        await wait_until(lambda: has_attempts(erp))
        assert (await find_delivery()).detail.startswith(f"{receiver.url}: answered 500")
        receiver.behave = lambda _received: OK
        await wait_until(erp.has_sent_all)
    delivered = await find_delivery()
    assert (delivered.state, delivered.at is not None) == ("there", True)
    assert f"{receiver.url}: answered 200, " in delivered.detail


async def test_a_contact_is_missing_until_it_is_kept(sales: Sales) -> None:
    contact = make_contact_event(sales.tenant.id, sales.tenant.rep.id)

    async def list_effects(event: Event) -> list[tuple[str, str]]:
        return [(one.name, one.state) for one in await find_effects(sales.kit.settings, event)]

    assert await list_effects(contact) == [("contact replica", "missing")]
    await consumers.keep_replicas([contact], sales.kit.database)
    assert await list_effects(contact) == [("contact replica", "there")]
