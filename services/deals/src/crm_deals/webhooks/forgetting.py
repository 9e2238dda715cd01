"""Takes what was said of an erased person's activities out of the deliveries that are kept or wait to be sent."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from crm_shared.contracts import Event
from crm_shared.database import Transaction

LIST_ERASED: Final = """
    SELECT a.tenant_id, a.activity_id, a.version
      FROM deal_activities a
      JOIN unnest($1::uuid[], $2::uuid[]) AS told (tenant_id, activity_id) USING (tenant_id, activity_id)
     WHERE a.is_erased
"""

# A delivery stays what it is, the event of its version; its record is the erased one, and what it changed is not said.
# The body is signed when it is sent.
FORGET: Final = """
    WITH forgotten AS (
        SELECT d.tenant_id, d.id,
               convert_from(d.body, 'UTF8')::jsonb || jsonb_build_object('data', jsonb_build_object(
                   'activity', erased.state || jsonb_build_object('version', d.sequence), 'changed', '{}'::jsonb,
                   'actor', convert_from(d.body, 'UTF8')::jsonb #> '{data,actor}')) AS body
          FROM jsonb_to_recordset($1) AS erased (tenant_id uuid, id uuid, version bigint, state jsonb)
          JOIN webhook_deliveries d ON d.tenant_id = erased.tenant_id AND d.record_id = erased.id
           AND d.sequence < erased.version AND d.event_type LIKE 'crm.activity.%'
         ORDER BY d.tenant_id, d.id
           FOR NO KEY UPDATE OF d
    )
    UPDATE webhook_deliveries d
       SET body = convert_to(forgotten.body::text, 'UTF8')
      FROM forgotten
     WHERE d.tenant_id = forgotten.tenant_id AND d.id = forgotten.id
"""


async def list_erased(transaction: Transaction, batch: Sequence[Event]) -> Mapping[tuple[UUID, UUID], int]:
    """Return which of the batch's activities are known to be erased, by tenant and id, with the version of it."""
    named = sorted({(event.tenant_id, event.aggregate_id) for event in batch if event.aggregate == "activity"})
    if not named:
        return {}
    rows = await transaction.fetch(LIST_ERASED, [tenant for tenant, _ in named], [key for _, key in named])
    return {(row["tenant_id"], row["activity_id"]): row["version"] for row in rows}


async def forget_erased(transaction: Transaction, batch: Sequence[Event]) -> None:
    """Bring the older deliveries of the activities that the batch tells the erasure of to what is left of them."""
    newest: dict[tuple[UUID, UUID], Event] = {}
    for event in batch:
        if event.aggregate == "activity" and event.is_erasure:
            key = (event.tenant_id, event.aggregate_id)
            newest[key] = max(event, newest.get(key, event), key=lambda one: one.version)
    if newest:
        erased = [
            {"tenant_id": tenant_id, "id": activity_id, "version": event.version, "state": event.state}
            for (tenant_id, activity_id), event in newest.items()
        ]
        await transaction.execute(FORGET, erased)
