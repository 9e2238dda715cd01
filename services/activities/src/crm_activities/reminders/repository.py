"""SQL of the worker's role that finds, takes and notes reminders that are due."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_activities.activities.activity import Activity
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_activities.reminders.prepared import PreparedReminder
from crm_shared.database import Connection, Transaction

# What is yet to be given is asked for in the words of the partial indexes.
FIND_NEXT: Final = """
    SELECT a.remind_at
      FROM activities a
     WHERE a.remind_at IS NOT NULL AND a.reminded_at IS NULL AND a.completed_at IS NULL AND a.deleted_at IS NULL
     ORDER BY a.remind_at
     LIMIT 1
"""

FIND_FIRST_TENANTS: Final = """
    SELECT tenant_id, count(*) AS found
      FROM (SELECT a.tenant_id
              FROM activities a
             WHERE a.remind_at IS NOT NULL AND a.reminded_at IS NULL AND a.completed_at IS NULL
               AND a.deleted_at IS NULL AND a.remind_at <= $1
             ORDER BY a.remind_at
             LIMIT $2) AS due
     GROUP BY tenant_id
"""

# From the first reminder of one tenant to that of the next: a probe each, however many there are in between.
FIND_ALL_TENANTS: Final = """
    WITH RECURSIVE earliest AS (
        (SELECT a.tenant_id, a.remind_at
           FROM activities a
          WHERE a.remind_at IS NOT NULL AND a.reminded_at IS NULL AND a.completed_at IS NULL AND a.deleted_at IS NULL
          ORDER BY a.tenant_id, a.remind_at
          LIMIT 1)
        UNION ALL
        SELECT following.tenant_id, following.remind_at
          FROM earliest e
         CROSS JOIN LATERAL (
            SELECT a.tenant_id, a.remind_at
              FROM activities a
             WHERE a.remind_at IS NOT NULL AND a.reminded_at IS NULL AND a.completed_at IS NULL
               AND a.deleted_at IS NULL AND a.tenant_id > e.tenant_id
             ORDER BY a.tenant_id, a.remind_at
             LIMIT 1) AS following
    )
    SELECT tenant_id FROM earliest WHERE remind_at <= $1
"""

# A locked one is being written, or reminded of by another worker: passed over, and looked at again in the next round.
TAKE_DUE: Final = (
    "SELECT"  # noqa: S608 - names of ours
    + ACTIVITY_COLUMNS
    + """, a.tenant_id
      FROM unnest($2::uuid[]) AS wanted (tenant_id)
     CROSS JOIN LATERAL (
        SELECT a.*
          FROM activities a
         WHERE a.remind_at IS NOT NULL AND a.reminded_at IS NULL AND a.completed_at IS NULL
           AND a.deleted_at IS NULL AND a.tenant_id = wanted.tenant_id AND a.remind_at <= $1
         ORDER BY a.remind_at, a.id
         LIMIT $3
           FOR NO KEY UPDATE SKIP LOCKED) AS a
"""
)

# By their places, which a lock keeps: to look 250 ids up PostgreSQL would rather read a table of some thousand pages
# from end to end, and that again for each batch.
NOTE_REMINDED: Final = """
    UPDATE activities a
       SET version = a.version + 1, updated_at = $3, reminded_at = $3
     WHERE a.ctid = ANY (ARRAY(
        SELECT (SELECT locked.ctid FROM activities locked
                 WHERE locked.tenant_id = taken.tenant_id AND locked.id = taken.id)
          FROM unnest($1::uuid[], $2::uuid[]) AS taken (tenant_id, id)))
"""

LIST_COMING: Final = """
    SELECT a.remind_at, a.tenant_id, a.id
      FROM activities a
     WHERE a.remind_at IS NOT NULL AND a.reminded_at IS NULL AND a.completed_at IS NULL AND a.deleted_at IS NULL
       AND a.remind_at > $1 AND a.remind_at <= $2
     ORDER BY a.remind_at
     LIMIT $3
"""

# By their keys alone: in the words of a partial index PostgreSQL would look through all that are due for each of them.
READ_MANY: Final = (
    "SELECT"  # noqa: S608 - names of ours
    + ACTIVITY_COLUMNS
    + """, a.tenant_id
      FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
     CROSS JOIN LATERAL (
        SELECT a.* FROM activities a WHERE a.tenant_id = wanted.tenant_id AND a.id = wanted.id LIMIT 1) AS a
"""
)

# Whatever is written of an activity raises its version, which says that its reminder is as yet to be given as it was.
# Of one that was restored from a backup meanwhile, `updated_at` says so.
NOTE_PREPARED: Final = """
    UPDATE activities a
       SET version = a.version + 1, updated_at = $5, reminded_at = $5
     WHERE a.ctid = ANY (ARRAY(
        SELECT locked.ctid
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
               AS prepared (tenant_id, id, version, updated_at)
         CROSS JOIN LATERAL (
            SELECT l.ctid
              FROM activities l
             WHERE l.tenant_id = prepared.tenant_id AND l.id = prepared.id AND l.version = prepared.version
               AND l.updated_at = prepared.updated_at
             LIMIT 1
               FOR NO KEY UPDATE SKIP LOCKED) AS locked))
    RETURNING a.tenant_id, a.id
"""

LOOKED_AT: Final = 1000
"""So many of the earliest are asked whose they are. If more are due, all tenants are asked: some may be hidden."""


async def find_next(connection: Connection) -> datetime | None:
    """Return the earliest time of a reminder that is yet to be given, which may be past."""
    next_at: datetime | None = await connection.fetchval(FIND_NEXT)
    return next_at


async def list_due_tenants(connection: Connection, now: datetime) -> list[UUID]:
    """Return the tenants with a reminder that is due."""
    rows = await connection.fetch(FIND_FIRST_TENANTS, now, LOOKED_AT)
    if sum(row["found"] for row in rows) == LOOKED_AT:
        rows = await connection.fetch(FIND_ALL_TENANTS, now)
    return sorted(row["tenant_id"] for row in rows)


async def list_coming(
    connection: Connection, since: datetime, until: datetime, *, at_most: int
) -> list[tuple[datetime, tuple[UUID, UUID]]]:
    """Return the earliest reminders after `since` up to `until`: their times, each with its tenant and activity."""
    rows = await connection.fetch(LIST_COMING, since, until, at_most)
    return [(row["remind_at"], (row["tenant_id"], row["id"])) for row in rows]


async def read_many(connection: Connection, keys: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, Activity]]:
    """Return those activities, by tenant and id, that are there, with their tenants. None is locked."""
    rows = await connection.fetch(READ_MANY, [tenant_id for tenant_id, _ in keys], [id_ for _, id_ in keys])
    return [(row["tenant_id"], to_activity(row)) for row in rows]


async def note_prepared(
    transaction: Transaction, reminders: Sequence[PreparedReminder], *, now: datetime
) -> set[tuple[UUID, UUID]]:
    """Lock and write, as `remind` makes them, those that are as they were when prepared and locked by nobody else.

    Return their tenants and ids.
    """
    keys = [one.key for one in reminders]
    rows = await transaction.fetch(
        NOTE_PREPARED,
        [tenant_id for tenant_id, _ in keys],
        [activity_id for _, activity_id in keys],
        [one.version for one in reminders],
        [one.updated_at for one in reminders],
        now,
    )
    return {(row["tenant_id"], row["id"]) for row in rows}


async def take_due(
    transaction: Transaction, tenant_ids: Sequence[UUID], *, each: int, now: datetime
) -> list[tuple[UUID, Activity]]:
    """Lock `each` activities of these tenants at most whose reminders are due; return them with their tenants."""
    rows = await transaction.fetch(TAKE_DUE, now, tenant_ids, each)
    return [(row["tenant_id"], to_activity(row)) for row in rows]


async def note_reminded(transaction: Transaction, taken: Sequence[tuple[UUID, Activity]], *, now: datetime) -> None:
    """Write what was taken, and is locked, as `remind` makes it."""
    tenant_ids, activity_ids = [tenant_id for tenant_id, _ in taken], [activity.id for _, activity in taken]
    await transaction.execute(NOTE_REMINDED, tenant_ids, activity_ids, now)
