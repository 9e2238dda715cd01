"""Contacts that are merged, and the deals that follow them."""

from typing import Any
from uuid import UUID

from services.deals.tests.integration.sales import Sales

from crm_deals.consumers import keep_replicas
from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.published_merges import PublishedContacts

Json = dict[str, Any]


async def open_contacts(sales: Sales, count: int) -> tuple[PublishedContacts, list[UUID]]:
    """Tell of `count` contacts of the REP; the service has heard of them."""
    published = PublishedContacts(sales.tenant.id, sales.tenant.rep.id)
    ids = [published.create() for _ in range(count)]
    await hear(sales, published.events)
    return published, ids


async def hear(sales: Sales, events: list[Event]) -> None:
    await keep_replicas(events, sales.kit.database)


async def read(sales: Sales, deal: Json) -> Json:
    return require_ok(await sales.admin.get(f"/v1/deals/{deal['id']}"))


async def place_of(sales: Sales, deal: Json) -> tuple[str | None, str | None]:
    found = await read(sales, deal)
    return found["contact_id"], found["original_contact_id"]
