"""SQL that writes and loads webhooks."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_deals.webhooks.domain import Webhook, WebhookNotFound
from crm_shared.database import Connection, Transaction

WEBHOOK_COLUMNS = """
           w.id, w.version, w.url, w.event_types, w.secret, w.previous_secret, w.previous_secret_until, w.active,
           w.disabled_at, w.disabled_reason, w.created_at, w.updated_at
"""

INSERT_WEBHOOK = """
    INSERT INTO webhooks (tenant_id, id, version, url, event_types, secret, previous_secret, previous_secret_until,
                          active, disabled_at, disabled_reason, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

# Whoever switches an endpoint on again gives it a fresh start, its failures forgotten.
UPDATE_WEBHOOK = """
    UPDATE webhooks
       SET version = $3, url = $4, event_types = $5, secret = $6, previous_secret = $7, previous_secret_until = $8,
           failing_since = CASE WHEN $9 AND NOT active THEN NULL ELSE failing_since END,
           failures = CASE WHEN $9 AND NOT active THEN 0 ELSE failures END,
           active = $9, disabled_at = $10, disabled_reason = $11, created_at = $12, updated_at = $13
     WHERE tenant_id = $1 AND id = $2
"""

LOAD_WEBHOOK = (
    "SELECT"
    + WEBHOOK_COLUMNS
    + """
      FROM webhooks w
     WHERE w.tenant_id = $1 AND w.id = $2
"""
)

# The queue of an endpoint that is switched on begins at once, not when the last failure's pause ends.
WAKE_LANES = "UPDATE webhook_lanes SET next_attempt_at = now(), attempts = 0 WHERE tenant_id = $1 AND webhook_id = $2"


async def insert(transaction: Transaction, tenant_id: UUID, webhook: Webhook) -> None:
    await transaction.execute(INSERT_WEBHOOK, *_to_row(tenant_id, webhook))


async def save(transaction: Transaction, tenant_id: UUID, webhook: Webhook) -> None:
    await transaction.execute(UPDATE_WEBHOOK, *_to_row(tenant_id, webhook))


async def delete(transaction: Transaction, tenant_id: UUID, webhook_id: UUID) -> None:
    """Delete the webhook with all of its deliveries."""
    await transaction.execute("DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2", tenant_id, webhook_id)


async def wake_lanes(transaction: Transaction, tenant_id: UUID, webhook_id: UUID) -> None:
    await transaction.execute(WAKE_LANES, tenant_id, webhook_id)


async def load(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> Webhook:
    """Read one webhook. Raises WebhookNotFound."""
    return _require(await connection.fetchrow(LOAD_WEBHOOK, tenant_id, webhook_id))


async def load_for_update(transaction: Transaction, tenant_id: UUID, webhook_id: UUID) -> Webhook:
    """Lock the webhook. Raises WebhookNotFound."""
    return _require(await transaction.fetchrow(LOAD_WEBHOOK + " FOR UPDATE", tenant_id, webhook_id))


def _require(row: Mapping[str, Any] | None) -> Webhook:
    if row is None:
        raise WebhookNotFound
    return to_webhook(row)


def to_webhook(row: Mapping[str, Any]) -> Webhook:
    return Webhook(**{**row, "event_types": tuple(row["event_types"])})


def _to_row(tenant_id: UUID, webhook: Webhook) -> tuple[Any, ...]:
    return (
        tenant_id, webhook.id, webhook.version, webhook.url, webhook.event_types, webhook.secret,
        webhook.previous_secret, webhook.previous_secret_until, webhook.active, webhook.disabled_at,
        webhook.disabled_reason, webhook.created_at, webhook.updated_at,
    )  # fmt: skip
