"""SQL that writes what is kept of activities, and tells what it is to the sums: one statement a batch."""

from collections.abc import Sequence
from typing import Final

from crm_reporting.activities.projections import ActivityFact
from crm_reporting.activities.sums import LIST_CHANGES, DayChange
from crm_reporting.row_arrays import to_columns
from crm_shared.database import Transaction

# As with deals: the changes follow from what was really written, row by row under its lock.
SAVE_FACTS: Final = (
    """
    WITH written AS (
        INSERT INTO activity_facts AS f (tenant_id, activity_id, version, type, user_id, contact_ids, deal_id,
                                         direction, occurred_at, completed_at, thread_id, in_reply_to, message_key,
                                         reference_keys, is_automatic, is_system, is_deleted)
        SELECT t.tenant_id, t.activity_id, t.version, t.type, t.user_id, t.contact_ids::uuid[], t.deal_id, t.direction,
               t.occurred_at, t.completed_at, t.thread_id, t.in_reply_to, t.message_key, t.reference_keys::uuid[],
               t.is_automatic, t.is_system, t.is_deleted
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::uuid[],
                      $8::text[], $9::timestamptz[], $10::timestamptz[], $11::uuid[], $12::uuid[], $13::uuid[],
                      $14::text[], $15::boolean[], $16::boolean[], $17::boolean[])
               AS t (tenant_id, activity_id, version, type, user_id, contact_ids, deal_id, direction, occurred_at,
                     completed_at, thread_id, in_reply_to, message_key, reference_keys, is_automatic, is_system,
                     is_deleted)
        ON CONFLICT (tenant_id, activity_id) DO UPDATE
           SET version = excluded.version, type = excluded.type, user_id = excluded.user_id,
               contact_ids = excluded.contact_ids, deal_id = excluded.deal_id, direction = excluded.direction,
               occurred_at = excluded.occurred_at, completed_at = excluded.completed_at,
               thread_id = excluded.thread_id, in_reply_to = excluded.in_reply_to, message_key = excluded.message_key,
               reference_keys = excluded.reference_keys, is_automatic = excluded.is_automatic,
               is_system = excluded.is_system, is_deleted = excluded.is_deleted
         WHERE f.version < excluded.version
        RETURNING old AS before, new AS after
    ), sides AS (
        SELECT -1 AS sign, (before).* FROM written WHERE (before).activity_id IS NOT NULL
        UNION ALL
        SELECT 1, (after).* FROM written
    )
    """  # noqa: S608 - texts of ours
    + LIST_CHANGES
)


async def save_facts(transaction: Transaction, facts: Sequence[ActivityFact]) -> list[DayChange]:
    """Write the facts that are newer than the table's. `facts` hold one row an activity, sorted by key.

    Returns what it is to the sums of days: for `add_days`, later on.
    """
    rows = await transaction.fetch(SAVE_FACTS, *to_columns(facts, width=len(ActivityFact._fields)))
    return [DayChange(*row) for row in rows]
