"""Activities follow their contacts: each reference to where its contact lives on, and back when a merge is undone.

An activity belongs elsewhere when it has a contact that was merged, or when one lives that it was given and has not.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_activities.activities import contacts
from crm_activities.activities.activity import Activity
from crm_activities.activities.record_adapter import ACTIVITIES
from crm_activities.activities.repository import to_activity
from crm_shared.database import Transaction
from crm_shared.features.replicas.canonical import MergeGroup, find_canonical
from crm_shared.features.replicas.merge_following import BATCH_RECORDS, FIND_AFFECTED_CONTACTS, ORDER_AFFECTED_CONTACTS
from crm_shared.record_adapters import Edit

HAS_GIVEN: Final = """
    SELECT FROM activity_contacts l
     WHERE l.tenant_id = w.tenant_id AND l.contact_id = w.id AND (NOT l.is_current OR l.is_deleted) AND NOT l.is_current
"""

# $2: the family, $3 the one of it that lives, $5 the others. By the links' indexes; what is deleted may be restored.
LOCK_MISPLACED: Final = """
    WITH strays AS MATERIALIZED (
        (SELECT l.activity_id FROM activity_contacts l
          WHERE l.tenant_id = $1 AND l.contact_id = ANY($5) AND l.is_current AND NOT l.is_deleted
          LIMIT $4)
        UNION ALL
        (SELECT l.activity_id FROM activity_contacts l
          WHERE l.tenant_id = $1 AND l.contact_id = ANY($5) AND l.is_current AND l.is_deleted
          LIMIT $4)
        UNION ALL
        (SELECT l.activity_id FROM activity_contacts l
          WHERE l.tenant_id = $1 AND l.contact_id = ANY($2) AND (NOT l.is_current OR l.is_deleted) AND NOT l.is_current
            AND NOT EXISTS (SELECT FROM activity_contacts lives
                             WHERE lives.tenant_id = $1 AND lives.activity_id = l.activity_id
                               AND lives.contact_id = $3 AND lives.is_current)
          LIMIT $4)
    )
"""
BY_ID: Final = """
     WHERE a.tenant_id = $1 AND a.id IN (SELECT activity_id FROM strays LIMIT $4)
     ORDER BY a.id
       FOR NO KEY UPDATE OF a
"""
FOLLOW: Final = """
    UPDATE activities a
       SET contact_id = moved.contact_id, contact_ids = moved.contact_ids,
           original_contact_id = moved.original_contact_id, original_contact_ids = moved.original_contact_ids,
           version = moved.version, updated_at = moved.updated_at
      FROM jsonb_populate_recordset(NULL::activities, $2) AS moved
     WHERE a.tenant_id = $1 AND a.id = moved.id
"""
WRITTEN: Final = ("id", "version", "updated_at", *contacts.CONTACT_FIELDS)


@dataclass(frozen=True, slots=True)
class ActivityMovers:
    """All activities, the system's notes and deleted ones too."""

    @property
    def find_affected_contacts(self) -> str:
        return FIND_AFFECTED_CONTACTS + HAS_GIVEN + ORDER_AFFECTED_CONTACTS

    async def move(self, transaction: Transaction, tenant_id: UUID, merge_group: MergeGroup, now: datetime) -> int:
        """Put up to BATCH_RECORDS of a family's activities where they belong, by nobody's hand; give their number."""
        rows = await transaction.fetch(
            LOCK_MISPLACED + ACTIVITIES.select() + BY_ID,
            *(
                tenant_id,
                [merge_group.canonical_id, *merge_group.merged_ids],
                merge_group.canonical_id,
                BATCH_RECORDS,
                merge_group.merged_ids,
            ),
        )
        misplaced = [to_activity(row) for row in rows]
        # The family is held. Another contact that is being merged by now has its own event, which moves what is left.
        others = {one for misplaced_one in misplaced for one in contacts.list_given(misplaced_one)} - {
            merge_group.canonical_id,
            *merge_group.merged_ids,
        }
        homes = await find_canonical(transaction, tenant_id, others)
        homes |= dict.fromkeys((merge_group.canonical_id, *merge_group.merged_ids), merge_group.canonical_id)
        moved = [edit for misplaced_one in misplaced for edit in _follow(misplaced_one, homes, now)]
        if moved:
            states = [{name: getattr(edit.record, name) for name in WRITTEN} for edit in moved]
            await transaction.execute(FOLLOW, tenant_id, states)
            await ACTIVITIES.publish_edits(transaction, moved, tenant_id=tenant_id, actor_id=None)
        return len(misplaced)


def _follow(activity: Activity, homes: dict[UUID, UUID], now: datetime) -> list[Edit[Activity]]:
    """Return the edit that brings an activity home, none if another worker was quicker."""
    placed: dict[str, Any] = contacts.place(contacts.list_given(activity), homes)
    if all(getattr(activity, name) == value for name, value in placed.items()):
        return []
    edited = replace(activity, **placed, version=activity.version + 1, updated_at=now)
    return [Edit(edited, activity, now)]
