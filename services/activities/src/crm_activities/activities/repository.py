"""SQL that writes and loads activities."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from crm_activities.activities.activity import FIELDS, Activity, ActivityType, CallOutcome, Direction, TaskPriority
from crm_activities.activities.columns import ACTIVITY_COLUMNS, ACTIVITY_TABLE
from crm_activities.activities.domain import ActivityNotFound, DuplicateExternalId
from crm_activities.activities.system_notes import Note
from crm_activities.activities.visibility import FROM_ONE, FROM_ONE_OR_DELETED, add_one_visible, add_some_visible
from crm_shared.access import Caller
from crm_shared.database import Connection, Database, Transaction, Where
from crm_shared.database.record_table import count_rows
from crm_shared.database.unique_values import try_update, write_unique
from crm_shared.refusals import Conflict

# A note never changes, so the columns that no note fills are left to their NULLs.
INSERT_NOTES = """
    INSERT INTO activities (tenant_id, id, version, type, contact_id, original_contact_id, deal_id, user_id, body,
                            occurred_at, deal_version, system, created_at, updated_at, system_kind, facts)
    SELECT note.tenant_id, note.id, 1, 'NOTE', note.contact_id, note.original_contact_id, note.deal_id, note.user_id,
           note.body, note.occurred_at, note.deal_version, true, note.created_at, note.created_at,
           note.system_kind, note.facts
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[],
                  $8::timestamptz[], $9::timestamptz[], $10::bigint[], $11::text[], $12::jsonb[])
           AS note (tenant_id, id, contact_id, original_contact_id, deal_id, user_id, body, occurred_at, created_at,
                    deal_version, system_kind, facts)
    ON CONFLICT (tenant_id, id) DO NOTHING
    RETURNING tenant_id, id
"""

ENUMS = {"type": ActivityType, "direction": Direction, "outcome": CallOutcome, "priority": TaskPriority}
SEQUENCES = ("contact_ids", "original_contact_ids", "reference_ids", "attachments")
ENUM_PLACES = [(FIELDS.names.index(name), enum) for name, enum in ENUMS.items()]
SEQUENCE_PLACES = [FIELDS.names.index(name) for name in SEQUENCES]

# No row when another living activity has its external id.
INSERT_ACTIVITY = ACTIVITY_TABLE.insert + " ON CONFLICT DO NOTHING"

# Of those that had one external id together before that was forbidden, the first goes by it.
FIND_EXTERNAL_IDS = """
    SELECT external_id, id
      FROM activities
     WHERE tenant_id = $1 AND external_id = ANY($2) AND deleted_at IS NULL AND NOT external_id_repeated
"""

LOCK_ACTIVITIES = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + """, a.external_id_repeated
      FROM activities a
     WHERE a.tenant_id = $1 AND a.id = ANY($2) AND a.deleted_at IS NULL
     ORDER BY a.id
       FOR UPDATE OF a
"""
)
FIND_CONTACTS = """
    SELECT unnest(a.contact_ids || a.original_contact_ids) AS id
      FROM activities a
     WHERE a.tenant_id = $1 AND a.id = ANY($2)
"""

LOAD_ACTIVITY = "SELECT" + ACTIVITY_COLUMNS
# FOR UPDATE before the outbox insert: outbox order is then version order for this activity.
FOR_UPDATE = " FOR UPDATE OF a"

# All who give an activity another to answer, one after the other: of two at once, each could be sound by itself and
# both together close a circle. Before any row: the foreign key waits for the row of what is answered.
LOCK_REPLIES = "SELECT pg_advisory_xact_lock(hashtextextended('replies ' || $1::uuid::text, 0))"

LIST_ANSWERED = """
    WITH RECURSIVE answered AS (
        SELECT id, in_reply_to, 1 AS depth FROM activities WHERE tenant_id = $1 AND id = $2
         UNION ALL
        SELECT a.id, a.in_reply_to, r.depth + 1
          FROM answered r
          JOIN activities a ON a.tenant_id = $1 AND a.id = r.in_reply_to
         WHERE r.depth < $3
    )
    SELECT id FROM answered ORDER BY depth
"""

FIND_USER_NAMES = """
    SELECT u.tenant_id, u.id, u.full_name
      FROM directory_users u
      JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) USING (tenant_id, id)
"""

# All that is answered by these, directly or through others. UNION: should a circle ever get in, the walk ends.
LIST_PARENTS = """
    WITH RECURSIVE chain AS (
        SELECT id, in_reply_to FROM activities WHERE tenant_id = $1 AND id = ANY($2)
        UNION
        SELECT a.id, a.in_reply_to FROM chain c JOIN activities a ON a.tenant_id = $1 AND a.id = c.in_reply_to
    )
    SELECT id, in_reply_to FROM chain
"""

NoteKey = tuple[UUID, UUID]
"""(tenant id, note id)."""


async def insert_unique(transaction: Transaction, caller: Caller, activity: Activity) -> None:
    """Write a new activity. Raises DuplicateExternalId."""

    async def write() -> bool:
        row = ACTIVITY_TABLE.to_row(caller.tenant_id, activity)
        return count_rows(await transaction.execute(INSERT_ACTIVITY, *row)) == 1

    await write_unique(write, lambda: find_conflict(transaction, caller, activity))


async def insert_notes(transaction: Transaction, notes: Mapping[NoteKey, Note]) -> set[NoteKey]:
    """Write the system's notes and give the keys of those that were not there yet."""
    keys = sorted(notes, key=lambda key: (key[0].int, key[1].int))  # one lock order for all batches
    rows = [notes[key].activity for key in keys]
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
        [notes[key].deal_version for key in keys],
        [row.system_kind for row in rows],
        [row.facts for row in rows],
    )
    return {(row["tenant_id"], row["id"]) for row in inserted}


async def find_user_names(
    transaction: Transaction, users: Collection[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], str]:
    """Return the full names of those of the users, by (tenant id, id), who are known here."""
    if not users:
        return {}
    keys = list(users)
    rows = await transaction.fetch(FIND_USER_NAMES, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["tenant_id"], row["id"]): row["full_name"] for row in rows}


async def save(transaction: Transaction, tenant_id: UUID, activity: Activity) -> None:
    await transaction.execute(ACTIVITY_TABLE.update, *ACTIVITY_TABLE.to_row(tenant_id, activity))


async def save_unique(transaction: Transaction, caller: Caller, activity: Activity, *, before: Activity) -> None:
    """Write a changed activity. Raises DuplicateExternalId."""
    if activity.external_id is None or _list_keys(activity) == _list_keys(before):
        await save(transaction, caller.tenant_id, activity)
        return
    await write_unique(
        lambda: try_update(transaction, lambda: save(transaction, caller.tenant_id, activity)),
        lambda: find_conflict(transaction, caller, activity),
    )


def _list_keys(activity: Activity) -> tuple[object, ...]:
    return activity.external_id, activity.deleted_at


async def find_conflict(connection: Connection, caller: Caller, activity: Activity) -> Conflict | None:
    """Return the refusal when another has the activity's external id, None if nobody has.

    It names which activity has it, if the caller sees that one.
    """
    if activity.external_id is None:
        return None
    holder_id = (await find_external_ids(connection, caller.tenant_id, [activity.external_id])).get(
        activity.external_id
    )
    if holder_id is None or holder_id == activity.id:
        return None
    seen = await find_seen_activities(connection, caller, [holder_id])
    return DuplicateExternalId(holder_id if holder_id in seen else None)


async def find_external_ids(connection: Connection, tenant_id: UUID, external_ids: Collection[str]) -> dict[str, UUID]:
    """Return which living activity goes by each of the external ids."""
    if not external_ids:
        return {}
    rows = await connection.fetch(FIND_EXTERNAL_IDS, tenant_id, list(external_ids))
    return {row["external_id"]: row["id"] for row in rows}


async def find_seen_activities(
    connection: Connection, caller: Caller, activity_ids: Collection[UUID]
) -> frozenset[UUID]:
    """Return those of the living activities that the caller sees."""
    where = add_some_visible(Where(caller.tenant_id), caller, activity_ids)
    rows = await connection.fetch("SELECT a.id" + FROM_ONE + where.sql, *where.parameters)
    return frozenset(row["id"] for row in rows)


async def load(database: Database, caller: Caller, activity_id: UUID) -> Activity:
    """Read the activity without a lock. Raises ActivityNotFound."""
    async with database.read(caller.tenant_id) as connection:
        return to_activity(await _load_row(connection, caller, activity_id))


async def load_for_update(transaction: Transaction, caller: Caller, activity_id: UUID) -> Activity:
    """Lock the activity. Raises ActivityNotFound when it is absent, deleted or out of the caller's sight."""
    return to_activity(await _load_row(transaction, caller, activity_id, FOR_UPDATE))


async def load_any(connection: Connection, caller: Caller, activity_id: UUID, *, locked: bool) -> Activity:
    """Read the activity, deleted or not. Raises ActivityNotFound when it is absent or out of the caller's sight."""
    locking = FOR_UPDATE if locked else ""
    return to_activity(await _load_row(connection, caller, activity_id, locking, source=FROM_ONE_OR_DELETED))


async def lock_many(
    transaction: Transaction, tenant_id: UUID, activity_ids: Collection[UUID]
) -> list[tuple[Activity, bool]]:
    """Lock those of the activities that live, in order of id, in sight or not.

    With each: does another go by its external id, from before that was forbidden?
    """
    rows = await transaction.fetch(LOCK_ACTIVITIES, tenant_id, list(activity_ids))
    return [(to_activity(row), row["external_id_repeated"]) for row in rows]


async def find_contacts(connection: Connection, tenant_id: UUID, activity_ids: Collection[UUID]) -> set[UUID]:
    """Return all contacts that the activities have or were given."""
    return {row["id"] for row in await connection.fetch(FIND_CONTACTS, tenant_id, list(activity_ids))}


async def list_parents(
    connection: Connection, tenant_id: UUID, activity_ids: Collection[UUID]
) -> dict[UUID, UUID | None]:
    """Return what each of these answers, what that answers, and so on."""
    rows = await connection.fetch(LIST_PARENTS, tenant_id, list(activity_ids))
    return {row["id"]: row["in_reply_to"] for row in rows}


async def lock_replies(transaction: Transaction, tenant_id: UUID) -> None:
    """Keep what each activity answers as it is until the commit; new ones may come."""
    await transaction.execute(LOCK_REPLIES, tenant_id)


async def list_answered(connection: Connection, tenant_id: UUID, activity_id: UUID, *, most: int) -> list[UUID]:
    """Return the activity, what it answers, what that answers and so on, deleted ones too, `most` at most."""
    return [row["id"] for row in await connection.fetch(LIST_ANSWERED, tenant_id, activity_id, most)]


async def is_visible(connection: Connection, caller: Caller, activity_id: UUID) -> bool:
    where = add_one_visible(Where(caller.tenant_id), caller, activity_id)
    return await connection.fetchrow("SELECT 1" + FROM_ONE + where.sql, *where.parameters) is not None


async def _load_row(
    connection: Connection, caller: Caller, activity_id: UUID, locking: str = "", *, source: str = FROM_ONE
) -> Mapping[str, Any]:
    where = add_one_visible(Where(caller.tenant_id), caller, activity_id)
    query = LOAD_ACTIVITY + source + where.sql + locking
    row: Mapping[str, Any] | None = await connection.fetchrow(query, *where.parameters)
    if row is None:
        raise ActivityNotFound
    return row


def to_activity(row: Mapping[str, Any]) -> Activity:
    """Make an activity of its columns; others that the row has are left."""
    values = list(FIELDS.read_row(row))
    for place, enum in ENUM_PLACES:
        if values[place] is not None:
            values[place] = enum(values[place])
    for place in SEQUENCE_PLACES:
        values[place] = tuple(values[place])
    return Activity(*values)
