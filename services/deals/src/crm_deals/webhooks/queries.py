"""SQL that reads webhooks and their deliveries for the API. Secrets stay where they are."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_deals.webhooks import events, repository
from crm_deals.webhooks.domain import DeliveryNotFound
from crm_deals.webhooks.repository import WEBHOOK_COLUMNS
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

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


async def list_webhooks(
    connection: Connection, tenant_id: UUID, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 webhooks."""
    where = order.add_after(Where(tenant_id), cursor)
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_WEBHOOKS + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [events.to_state(repository.to_webhook(row)) for row in rows]


async def load_webhook(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> dict[str, Any]:
    """Read one webhook as GET answers it. Raises WebhookNotFound."""
    return events.to_state(await repository.load(connection, tenant_id, webhook_id))


async def list_deliveries(
    connection: Connection, filters: Where, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 deliveries. `filters` begins with the tenant and the webhook."""
    where = order.add_after(filters, cursor)
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_DELIVERIES + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [dict(row) for row in rows]


async def load_delivery(connection: Connection, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    """Read one delivery. Raises DeliveryNotFound."""
    row = await connection.fetchrow(SELECT_DELIVERIES + "d.id = $3", tenant_id, webhook_id, delivery_id)
    if row is None:
        raise DeliveryNotFound
    return dict(row)
