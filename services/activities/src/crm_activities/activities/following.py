"""Activities follow their contact when it is merged, and return when it is parted: timelines are whole either way."""

from datetime import datetime
from typing import Final
from uuid import UUID

from crm_activities.activities import domain, events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_shared.database import Transaction
from crm_shared.outbox import append
from crm_shared.replicas.following import BATCH_RECORDS, Followers
from crm_shared.replicas.living import Family

HAS_BEEN_MOVED: Final = """
    SELECT FROM activities a
     WHERE a.tenant_id = w.tenant_id AND a.original_contact_id = w.id AND a.deleted_at IS NULL
"""

# $2: the family, $3 the one of it that lives, $5 the others. What was first given to one of them belongs to that one.
# Deleted ones stay where they are: nothing brings them back. By the indexes of contacts first: sorted by id with a
# limit, PostgreSQL would walk the tenant's whole table. Then once more under lock, as a record may have been moved.
FIND_STRAYS: Final = """
    WITH strays AS MATERIALIZED (
        (SELECT s.id FROM activities s
          WHERE s.tenant_id = $1 AND s.original_contact_id = ANY($2) AND s.contact_id <> $3 AND s.deleted_at IS NULL)
        UNION ALL
        (SELECT s.id FROM activities s
          WHERE s.tenant_id = $1 AND s.original_contact_id IS NULL AND s.contact_id = ANY($5) AND s.deleted_at IS NULL)
        LIMIT $4
    )
"""
LOCK_STRAYS = (
    FIND_STRAYS
    + "SELECT"
    + ACTIVITY_COLUMNS
    + """
      FROM activities a
      JOIN strays USING (id)
     WHERE a.tenant_id = $1 AND a.contact_id <> $3
       AND (a.original_contact_id = ANY($2) OR (a.original_contact_id IS NULL AND a.contact_id = ANY($2)))
     ORDER BY a.id
       FOR NO KEY UPDATE OF a
"""
)

FOLLOW = """
    UPDATE activities a
       SET contact_id = $4, original_contact_id = moved.original_id, version = a.version + 1, updated_at = $5
      FROM unnest($2::uuid[], $3::uuid[]) AS moved (id, original_id)
     WHERE a.tenant_id = $1 AND a.id = moved.id
"""


async def move_strays(transaction: Transaction, tenant_id: UUID, family: Family, now: datetime) -> int:
    """Bring one batch where it belongs, the system's notes too; give its size."""
    living_id, merged_ids = family.living_id, family.merged_ids
    rows = await transaction.fetch(
        LOCK_STRAYS, tenant_id, [living_id, *merged_ids], living_id, BATCH_RECORDS, merged_ids
    )
    moved = [domain.follow_contact(to_activity(row), living_id, now=now) for row in rows]
    if moved:
        activities = [event.activity for event in moved]
        original_ids = [activity.original_contact_id for activity in activities]
        ids = [activity.id for activity in activities]
        await transaction.execute(FOLLOW, tenant_id, ids, original_ids, living_id, now)
        await append(transaction, events.to_wire(moved, tenant_id=tenant_id, actor_id=None))
    return len(moved)


FOLLOWERS = Followers(HAS_BEEN_MOVED, move_strays)
