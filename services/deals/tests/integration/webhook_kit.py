"""An endpoint of another system with its webhook, and a dispatcher to run beside a test."""

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any

from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.settings import DealsSettings
from crm_deals.webhooks import commands
from crm_deals.webhooks.commands import CreateWebhook
from crm_deals.webhooks.destinations import Destinations
from crm_deals.webhooks.dispatch import Dispatcher
from crm_deals.webhooks.sending import Sender
from crm_shared.access import Caller, Role
from crm_shared.clock import SystemClock
from crm_shared.database import Database, UnitOfWork
from crm_testing.answers import require_ok, walk_pages
from crm_testing.webhook_receiver import Receiver

QUICK = {
    "webhook_poll_s": 0.1,
    "webhook_backoff_s": 0.02,
    "webhook_backoff_max_s": 0.1,
    "webhook_timeout_s": 0.5,
    "webhook_disable_after_failures": 1_000_000,
}
ANYWHERE = Destinations(allow_private=True, allow_http=False, ports=frozenset())


SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@dataclass
class Erp:
    """An endpoint of another system, with the webhook that leads to it."""

    sales: Sales
    receiver: Receiver
    id: str

    async def publish(self) -> None:
        """Carry what the service has told to its own consumer, as the bus would."""
        await consumers.queue_for_webhooks(await self.sales.take_events(), self.sales.kit.database, wake_nobody)

    async def list_deliveries(self, **filters: str) -> list[dict[str, Any]]:
        return await walk_pages(self.sales.admin, f"/v1/webhooks/{self.id}/deliveries", **filters)

    async def has_sent_all(self) -> bool:
        return not await self.list_deliveries(status="PENDING")

    @property
    def versions(self) -> list[tuple[str, int]]:
        """The (deal id, version) of what came, in its order."""
        bodies = [json.loads(received.body) for received in self.receiver.received]
        return [(body["subject"], int(body["sequence"])) for body in bodies]


async def open_erp(sales: Sales, receiver: Receiver, *types: str) -> Erp:
    caller = Caller(sales.tenant.id, sales.tenant.admin.id, Role.ADMIN, "EUR", "Europe/Berlin")
    database = await Database.open(sales.kit.settings.dsn.get_secret_value(), max_size=1)
    try:
        command = CreateWebhook(caller, receiver.url, types, SECRET, ANYWHERE, max_per_tenant=1000)
        webhook = await commands.create_webhook(command, UnitOfWork(database), SystemClock())
    finally:
        await database.close()
    return Erp(sales, receiver, str(webhook["id"]))


def wake_nobody() -> None:
    """Stand for a sender that is not told of what was queued: it looks by itself."""


class Dispatching:
    """Runs a dispatcher while in the block."""

    def __init__(self, sales: Sales, **settings: Any) -> None:
        self.settings: DealsSettings = sales.kit.settings.model_copy(update=QUICK | settings)
        self.sender = Sender(ANYWHERE, SystemClock(), timeout_s=self.settings.webhook_timeout_s)
        self.dispatcher = Dispatcher(sales.kit.database, self.sender, self.settings, SystemClock())

    async def __aenter__(self) -> Dispatcher:
        self.task = asyncio.create_task(self.dispatcher.run())
        return self.dispatcher

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.dispatcher.finish()
        await self.sender.close()


async def has_attempts(erp: Erp) -> bool:
    return any(delivery["attempts"] for delivery in await erp.list_deliveries())


async def is_off(sales: Sales, erp: Erp) -> bool:
    return not require_ok(await sales.admin.get(f"/v1/webhooks/{erp.id}"))["active"]


async def has_come(erp: Erp) -> bool:
    return bool(erp.receiver.received)
