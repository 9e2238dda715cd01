"""SQL that writes and loads activities."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import Activity, ActivityNotFound, ActivityType, Direction
from crm_activities.activities.visibility import FROM_ONE, add_one_in_sight
from crm_shared.access import Caller
from crm_shared.database import Connection, Database, Transaction, Where

INSERT_ACTIVITY = """
    INSERT INTO activities (tenant_id, id, version, type, contact_id, original_contact_id, deal_id, user_id, subject,
                            body, scheduled_at, completed_at, occurred_at, direction, in_reply_to, duration_s,
                            external_id, system, created_at, updated_at, deleted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
"""

# A note never changes, so the columns that no note fills are left to their NULLs.
INSERT_NOTES = """
    INSERT INTO activities (tenant_id, id, version, type, contact_id, original_contact_id, deal_id, user_id, body,
                            occurred_at, system, created_at, updated_at)
    SELECT note.tenant_id, note.id, 1, 'NOTE', note.contact_id, note.original_contact_id, note.deal_id, note.user_id,
           note.body, note.occurred_at, true, note.created_at, note.created_at
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[],
                  $8::timestamptz[], $9::timestamptz[])
           AS note (tenant_id, id, contact_id, original_contact_id, deal_id, user_id, body, occurred_at, created_at)
    ON CONFLICT (tenant_id, id) DO NOTHING
    RETURNING tenant_id, id
"""

LOAD_ACTIVITY = "SELECT" + ACTIVITY_COLUMNS + FROM_ONE
# FOR UPDATE before the outbox insert: outbox order is then version order for this activity.
FOR_UPDATE = " FOR UPDATE OF a"

UPDATE_ACTIVITY = """
    UPDATE activities
       SET version = $3, type = $4, contact_id = $5, original_contact_id = $6, deal_id = $7, user_id = $8,
           subject = $9, body = $10, scheduled_at = $11, completed_at = $12, occurred_at = $13, direction = $14,
           in_reply_to = $15, duration_s = $16, external_id = $17, system = $18, created_at = $19, updated_at = $20,
           deleted_at = $21
     WHERE tenant_id = $1 AND id = $2
"""


async def insert(transaction: Transaction, tenant_id: UUID, activity: Activity) -> None:
    await transaction.execute(INSERT_ACTIVITY, *_to_row(tenant_id, activity))


async def insert_notes(transaction: Transaction, notes: Mapping[tuple[UUID, UUID], Activity]) -> set[tuple[UUID, UUID]]:
    """Write the system's notes, by (tenant id, note id), and give the keys of those that were not there yet."""
    keys = sorted(notes, key=lambda key: (key[0].int, key[1].int))  # one lock order for all batches
    rows = [notes[key] for key in keys]
    inserted = await transaction.fetch(
        INSERT_NOTES,
        [tenant_id for tenant_id, _ in keys],
        [row.id for row in rows],
        [row.contact_id for row in rows],
        [row.original_contact_id for row in rows],
        [row.deal_id for row in rows],
        [row.user_id for row in rows],
        [row.body for row in rows],
        [row.occurred_at for row in rows],
        [row.created_at for row in rows],
    )
    return {(row["tenant_id"], row["id"]) for row in inserted}


async def save(transaction: Transaction, tenant_id: UUID, activity: Activity) -> None:
    await transaction.execute(UPDATE_ACTIVITY, *_to_row(tenant_id, activity))


async def load(database: Database, caller: Caller, activity_id: UUID) -> Activity:
    """Read the activity without a lock. Raises ActivityNotFound."""
    async with database.read(caller.tenant_id) as connection:
        return to_activity(await _load_row(connection, caller, activity_id))


async def load_for_update(transaction: Transaction, caller: Caller, activity_id: UUID) -> Activity:
    """Lock the activity. Raises ActivityNotFound when it is absent, deleted or out of the caller's sight."""
    return to_activity(await _load_row(transaction, caller, activity_id, FOR_UPDATE))


async def is_visible(connection: Connection, caller: Caller, activity_id: UUID) -> bool:
    where = add_one_in_sight(Where(caller.tenant_id), caller, activity_id)
    return await connection.fetchrow("SELECT 1" + FROM_ONE + where.sql, *where.parameters) is not None


async def _load_row(connection: Connection, caller: Caller, activity_id: UUID, locking: str = "") -> Mapping[str, Any]:
    where = add_one_in_sight(Where(caller.tenant_id), caller, activity_id)
    row: Mapping[str, Any] | None = await connection.fetchrow(LOAD_ACTIVITY + where.sql + locking, *where.parameters)
    if row is None:
        raise ActivityNotFound
    return row


def to_activity(row: Mapping[str, Any]) -> Activity:
    direction = row["direction"]
    return Activity(
        **{
            **row,
            "type": ActivityType(row["type"]),
            "direction": None if direction is None else Direction(direction),
        }
    )


def _to_row(tenant_id: UUID, activity: Activity) -> Sequence[Any]:
    return (
        tenant_id, activity.id, activity.version, activity.type, activity.contact_id, activity.original_contact_id,
        activity.deal_id, activity.user_id, activity.subject, activity.body, activity.scheduled_at,
        activity.completed_at, activity.occurred_at, activity.direction, activity.in_reply_to, activity.duration_s,
        activity.external_id, activity.system, activity.created_at, activity.updated_at, activity.deleted_at,
    )  # fmt: skip
