"""SQL that reads webhooks and their deliveries for the API. Secrets stay where they are."""

from typing import Any
from uuid import UUID

from crm_deals.webhooks import events, repository
from crm_deals.webhooks.domain import DeliveryNotFound
from crm_deals.webhooks.repository import WEBHOOK_COLUMNS
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, Rows, select_page

SELECT_WEBHOOKS = (
    "SELECT"
    + WEBHOOK_COLUMNS
    + """
      FROM webhooks w
     WHERE w.tenant_id = $1 AND """
)

SELECT_DELIVERIES = """
    SELECT d.id, d.webhook_id, d.event_id, d.event_type, d.record_id, d.sequence AS record_version, d.status,
           d.attempts, d.last_attempt_at, d.next_attempt_at, d.response_status, d.response_excerpt, d.error,
           d.duration_ms, d.told_at, d.created_at, d.delivered_at, d.replay_of
      FROM webhook_deliveries d
     WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND """


def select_webhooks(tenant_id: UUID, page: Page) -> ListStatement:
    return select_page(SELECT_WEBHOOKS, Where(tenant_id), page)


async def list_webhooks(connection: Connection, statement: ListStatement) -> Rows:
    """Read webhooks as GET answers them."""
    return [events.to_state(repository.to_webhook(row)) for row in await statement.fetch(connection)]


async def load_webhook(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> dict[str, Any]:
    """Read one webhook as GET answers it. Raises WebhookNotFound."""
    return events.to_state(await repository.load(connection, tenant_id, webhook_id))


def select_deliveries(filters: Where, page: Page) -> ListStatement:
    """Return a page of deliveries. `filters` begins with the tenant and the webhook."""
    return select_page(SELECT_DELIVERIES, filters, page)


async def load_delivery(connection: Connection, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    """Read one delivery. Raises DeliveryNotFound."""
    row = await connection.fetchrow(SELECT_DELIVERIES + "d.id = $3", tenant_id, webhook_id, delivery_id)
    if row is None:
        raise DeliveryNotFound
    return dict(row)
