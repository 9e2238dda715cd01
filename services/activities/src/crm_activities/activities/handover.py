"""Gives a leaver's open tasks and meetings to their successor. What was done stays with who did it."""

from dataclasses import replace
from datetime import datetime

from crm_activities.activities import events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import ActivityEdited
from crm_activities.activities.repository import to_activity
from crm_shared.database import Transaction
from crm_shared.handover import HandOver, Holding
from crm_shared.handover.holdings import BATCH_RECORDS
from crm_shared.outbox import append

# As the partial index activities_to_do_by_user has it, word for word.
HAS_TO_DO = """
    SELECT 1
      FROM activities r
     WHERE r.tenant_id = l.tenant_id AND r.user_id = l.leaver_id
       AND r.deleted_at IS NULL AND r.completed_at IS NULL AND r.type IN ('TASK', 'MEETING')
"""

LOCK_TO_DO = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + """
      FROM activities a
     WHERE a.tenant_id = $1 AND a.user_id = $2
       AND a.deleted_at IS NULL AND a.completed_at IS NULL AND a.type IN ('TASK', 'MEETING')
     ORDER BY a.created_at, a.id
     LIMIT $3
       FOR NO KEY UPDATE OF a SKIP LOCKED
"""
)

GIVE_TO_DO = """
    UPDATE activities SET user_id = $3, version = version + 1, updated_at = $4 WHERE tenant_id = $1 AND id = ANY($2)
"""


async def give_to_do(transaction: Transaction, hand_over: HandOver, now: datetime) -> int:
    """Hand over one batch, oldest first; give its size."""
    tenant_id, successor_id = hand_over.tenant_id, hand_over.successor_id
    rows = await transaction.fetch(LOCK_TO_DO, tenant_id, hand_over.leaver_id, BATCH_RECORDS)
    given = [
        ActivityEdited(
            replace(before, user_id=successor_id, version=before.version + 1, updated_at=now), before=before, at=now
        )
        for before in map(to_activity, rows)
    ]
    await transaction.execute(GIVE_TO_DO, tenant_id, [event.activity.id for event in given], successor_id, now)
    await append(transaction, events.to_wire(given, tenant_id=tenant_id, actor_id=hand_over.actor_id))
    return len(given)


TO_DO = Holding("activity", HAS_TO_DO, give_to_do)
