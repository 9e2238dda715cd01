"""SQL that writes and loads webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_deals.webhooks.domain import Webhook, WebhookNotFound
from crm_shared.database import Connection, RecordTable, Transaction

WEBHOOK_TABLE: Final = RecordTable("webhooks", Webhook, alias="w")
WEBHOOK_COLUMNS: Final = WEBHOOK_TABLE.columns

# Whoever switches an endpoint on again gives it a fresh start, its failures forgotten.
UPDATE_WEBHOOK = (
    "UPDATE webhooks SET "  # noqa: S608 - names of columns
    + WEBHOOK_TABLE.settings
    + """,
           failing_since = CASE WHEN {active} AND NOT active THEN NULL ELSE failing_since END,
           failures = CASE WHEN {active} AND NOT active THEN 0 ELSE failures END
     WHERE tenant_id = $1 AND id = $2
""".format(active=WEBHOOK_TABLE.parameter("active"))
)

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


# The tenant's own lock, as two who count at once would both find room.
LOCK_COUNT = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks ' || $1::uuid::text, 0))"
COUNT = "SELECT count(*) FROM webhooks WHERE tenant_id = $1"

LIST_REPLAYS = """
    SELECT begun FROM webhooks w, unnest(w.replays) AS begun
     WHERE w.tenant_id = $1 AND w.id = $2 AND begun > $3
     ORDER BY begun
"""
RECORD_REPLAYS = "UPDATE webhooks SET replays = $3 WHERE tenant_id = $1 AND id = $2"


async def count_webhooks(transaction: Transaction, tenant_id: UUID) -> int:
    """Count a tenant's webhooks; nobody adds one to them before the commit."""
    await transaction.execute(LOCK_COUNT, tenant_id)
    return int(await transaction.fetchval(COUNT, tenant_id))


async def list_replays(
    transaction: Transaction, tenant_id: UUID, webhook_id: UUID, *, since: datetime
) -> list[datetime]:
    """Return when the webhook's replays after a moment began, oldest first."""
    return [row["begun"] for row in await transaction.fetch(LIST_REPLAYS, tenant_id, webhook_id, since)]


async def record_replays(
    transaction: Transaction, tenant_id: UUID, webhook_id: UUID, begun: Sequence[datetime]
) -> None:
    await transaction.execute(RECORD_REPLAYS, tenant_id, webhook_id, begun)


async def insert(transaction: Transaction, tenant_id: UUID, webhook: Webhook) -> None:
    await transaction.execute(WEBHOOK_TABLE.insert, *WEBHOOK_TABLE.to_row(tenant_id, webhook))


async def save(transaction: Transaction, tenant_id: UUID, webhook: Webhook) -> None:
    await transaction.execute(UPDATE_WEBHOOK, *WEBHOOK_TABLE.to_row(tenant_id, webhook))


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
