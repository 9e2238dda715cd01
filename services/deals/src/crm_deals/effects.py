"""What this service makes of an event: `crm-deals why` looks for it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from crm_deals.settings import DealsSettings
from crm_deals.webhooks.sent_types import SENT_TYPES
from crm_shared.contracts import Event
from crm_shared.database import Connection
from crm_shared.features.event_tracking.parts import Effect, EffectState
from crm_shared.features.event_tracking.stores import reading
from crm_shared.features.event_tracking.versions import find_replica, find_version

# By webhook, record and version, as the index has them; what was asked for again is named by its first.
FIND_DELIVERIES: Final = """
    SELECT w.url, d.status, d.attempts, d.response_status, d.error, d.delivered_at, d.last_attempt_at
      FROM webhooks w
      JOIN webhook_deliveries d ON (d.tenant_id, d.webhook_id) = (w.tenant_id, w.id)
     WHERE w.tenant_id = $1 AND d.record_id = $2 AND d.sequence = $3 AND d.event_id = $4 AND d.replay_of IS NULL
     ORDER BY d.webhook_id
"""
FIND_ACTIVITY: Final = "SELECT version FROM deal_activities WHERE tenant_id = $1 AND activity_id = $2"
REPLICATED: Final = frozenset({"contact", "company"})
STATES: Final[Mapping[str, EffectState]] = {"DELIVERED": "there", "PENDING": "waits", "FAILED": "failed"}


async def find_effects(settings: DealsSettings, event: Event) -> Sequence[Effect]:
    """Find the webhooks' deliveries of the event, and what is kept of its record."""
    effects: list[Effect] = []
    async with reading(settings) as connection:
        if event.type in SENT_TYPES:
            effects += await _find_deliveries(connection, event)
        if event.aggregate in REPLICATED:
            effects.append(await find_replica(connection, event))
        if event.aggregate == "activity" and event.read_uuid("deal_id") is not None:
            effects.append(await find_version(connection, "deal's activity", FIND_ACTIVITY, event))
    return effects


async def _find_deliveries(connection: Connection, event: Event) -> Sequence[Effect]:
    rows = await connection.fetch(FIND_DELIVERIES, event.tenant_id, event.aggregate_id, event.version, event.id)
    return [_to_effect(row) for row in rows]


def _to_effect(row: Mapping[str, Any]) -> Effect:
    answered = row["error"] or (f"answered {row['response_status']}" if row["response_status"] else "not tried yet")
    tries = f"{row['attempts']} {'try' if row['attempts'] == 1 else 'tries'}"
    detail = f"{row['url']}: {answered}, {tries}"
    return Effect("webhook delivery", STATES[row["status"]], detail, row["delivered_at"] or row["last_attempt_at"])
