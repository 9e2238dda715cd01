"""SQL that finds and writes threads. All of it under `lock`: what it reads then stands until the commit.

An activity is asked for by its id in a query of its own (`SELECT (SELECT …)`, OFFSET 0), never joined: of a tenant that
statistics don't know yet PostgreSQL expects one activity, and holds all that there are against each link. What else is
asked of it stands outside: an index by that would look as good as the one by id.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_activities.activities.activity import Activity
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_activities.threads.domain import Known, Message, Root
from crm_shared.database import Connection, Transaction

# Those with one key, and those that name an absent one, are in one thread: any of them tells which.
FIND_KNOWN: Final = """
    SELECT k.key, found.thread_id, found.is_there
      FROM unnest($2::uuid[]) AS k (key)
     CROSS JOIN LATERAL (
         SELECT (SELECT a.thread_id FROM activities a WHERE a.tenant_id = $1 AND a.id = l.activity_id) AS thread_id,
                l.position = 0 AS is_there
           FROM thread_links l
          WHERE l.tenant_id = $1 AND l.key = k.key
          ORDER BY l.position
          LIMIT 1) AS found
"""

FIND_ANSWERED: Final = """
    SELECT a.id, a.thread_id, a.message_id, a.reference_ids,
           (SELECT l.key FROM thread_links l
             WHERE l.tenant_id = $1 AND l.activity_id = a.id AND l.position = 0) AS key
      FROM activities a
     WHERE a.tenant_id = $1 AND a.id = ANY($2) AND a.type = 'EMAIL'
"""

FIND_UNIQUE_OWNERS: Final = """
    SELECT DISTINCT ON (w.id) w.id, a.id AS holder_id
      FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS w (id, key, user_id)
     CROSS JOIN LATERAL (SELECT l.activity_id FROM thread_links l
                          WHERE l.tenant_id = $1 AND l.key = w.key AND l.position = 0 AND l.activity_id <> w.id
                         OFFSET 0) AS l
     CROSS JOIN LATERAL (SELECT a.id, a.user_id, a.deleted_at, a.message_id FROM activities a
                          WHERE a.tenant_id = $1 AND a.id = l.activity_id
                         OFFSET 0) AS a
     WHERE a.user_id = w.user_id AND a.deleted_at IS NULL AND a.message_id IS NOT NULL
     ORDER BY w.id, a.id
"""

# Probes by each key: a message that a whole team has is looked at as often as those who are asked about have it.
FIND_HELD: Final = """
    SELECT DISTINCT ON (w.key, a.user_id) w.key, a.user_id, a.id
      FROM unnest($2::uuid[]) AS w (key)
     CROSS JOIN LATERAL (SELECT l.activity_id FROM thread_links l
                          WHERE l.tenant_id = $1 AND l.key = w.key AND l.position = 0
                         OFFSET 0) AS l
     CROSS JOIN LATERAL (SELECT a.id, a.user_id, a.deleted_at, a.message_id FROM activities a
                          WHERE a.tenant_id = $1 AND a.id = l.activity_id
                         OFFSET 0) AS a
     WHERE a.user_id = ANY($3) AND a.deleted_at IS NULL AND a.message_id IS NOT NULL
     ORDER BY w.key, a.user_id, a.id
"""

# What the root names, or answers, of those that are there and no copy of it.
FIND_ROOT: Final = """
    WITH copies AS MATERIALIZED (
        SELECT $2::uuid AS id
        UNION
        SELECT s.activity_id
          FROM thread_links o
          JOIN thread_links s ON s.tenant_id = o.tenant_id AND s.key = o.key AND s.position = 0
         WHERE o.tenant_id = $1 AND o.activity_id = $2 AND o.position = 0
    )
    SELECT a.id, a.occurred_at,
           (SELECT o.key FROM thread_links o
             WHERE o.tenant_id = $1 AND o.activity_id = $2 AND o.position = 0) AS key,
           EXISTS (SELECT FROM copies c
                     JOIN thread_links n ON n.tenant_id = $1 AND n.activity_id = c.id AND n.position > 0
                     JOIN thread_links p ON p.tenant_id = $1 AND p.key = n.key AND p.position = 0)
           OR EXISTS (SELECT FROM copies c
                        JOIN activities m ON m.tenant_id = $1 AND m.id = c.id
                        JOIN activities p ON p.tenant_id = $1 AND p.id = m.in_reply_to AND p.type = 'EMAIL'
                       WHERE p.id NOT IN (SELECT id FROM copies)) AS has_parent
      FROM activities a
     WHERE a.tenant_id = $1 AND a.id = $2
"""

# The threads of these activities, of what answers those that change, and of these keys.
FIND_TOUCHED: Final = """
    SELECT thread_id FROM activities WHERE tenant_id = $1 AND id = ANY($2) AND thread_id IS NOT NULL
    UNION
    SELECT thread_id FROM activities WHERE tenant_id = $1 AND in_reply_to = ANY($3) AND thread_id IS NOT NULL
    UNION
    SELECT found.thread_id
      FROM unnest($4::uuid[]) AS k (key)
     CROSS JOIN LATERAL (
         SELECT (SELECT a.thread_id FROM activities a WHERE a.tenant_id = $1 AND a.id = l.activity_id) AS thread_id
           FROM thread_links l
          WHERE l.tenant_id = $1 AND l.key = k.key
          ORDER BY l.position
          LIMIT 1) AS found
"""

# A message that goes by another id: those that named the one it had fall back on what else they name or answer.
FIND_FALLING_BACK: Final = """
    WITH naming AS MATERIALIZED (
        SELECT DISTINCT l.activity_id AS id FROM thread_links l
         WHERE l.tenant_id = $1 AND l.key = ANY($2) AND l.position > 0
    ), named AS MATERIALIZED (
        SELECT DISTINCT l.key FROM naming n
          JOIN thread_links l ON l.tenant_id = $1 AND l.activity_id = n.id AND l.position > 0
    )
    SELECT (SELECT a.thread_id FROM activities a WHERE a.tenant_id = $1 AND a.id = n.id) AS thread_id FROM naming n
    UNION
    SELECT (SELECT (SELECT p.thread_id FROM activities p WHERE p.tenant_id = $1 AND p.id = a.in_reply_to)
              FROM activities a
             WHERE a.tenant_id = $1 AND a.id = n.id)
      FROM naming n
    UNION
    SELECT (SELECT (SELECT a.thread_id FROM activities a WHERE a.tenant_id = $1 AND a.id = l.activity_id)
              FROM thread_links l
             WHERE l.tenant_id = $1 AND l.key = n.key AND l.position = 0
             LIMIT 1)
      FROM named n
"""

# Of what a message names: all that are absent or about to change ($3), and of the others the nearest. One that is in a
# thread not loaded is nobody's parent here, or it would be in that thread. Probes and hashed sets by the way it is
# written: in joins PostgreSQL, which can't foresee how many there are, would compare all with all.
LOAD_THREADS: Final = """
    WITH messages AS MATERIALIZED (
        SELECT id, occurred_at, in_reply_to, thread_id FROM activities WHERE tenant_id = $1 AND thread_id = ANY($2)
    ), named AS MATERIALIZED (
        SELECT DISTINCT l.key
          FROM messages m
         CROSS JOIN LATERAL (SELECT l.key FROM thread_links l
                              WHERE l.tenant_id = $1 AND l.activity_id = m.id AND l.position > 0
                             OFFSET 0) AS l
    ), absent AS MATERIALIZED (
        SELECT n.key FROM named n
         WHERE (SELECT p.key FROM thread_links p
                 WHERE p.tenant_id = $1 AND p.key = n.key AND p.position = 0 LIMIT 1) IS NULL
    )
    SELECT m.id, m.occurred_at, m.in_reply_to AS answers, m.thread_id,
           (SELECT l.key FROM thread_links l
             WHERE l.tenant_id = $1 AND l.activity_id = m.id AND l.position = 0) AS key,
           ARRAY(SELECT l.key FROM thread_links l
                  WHERE l.tenant_id = $1 AND l.activity_id = m.id AND l.position > 0
                    AND (l.key IN (SELECT key FROM absent) OR l.key = ANY($3)
                         OR (l.position = nearest.position AND nearest.thread_id = ANY($2)))
                  ORDER BY l.position) AS names
      FROM messages m
      LEFT JOIN LATERAL (
          SELECT l.position, p.thread_id
            FROM thread_links l
           CROSS JOIN LATERAL (
               SELECT (SELECT a.thread_id FROM activities a WHERE a.tenant_id = $1 AND a.id = p.activity_id)
                 FROM thread_links p
                WHERE p.tenant_id = $1 AND p.key = l.key AND p.position = 0
                LIMIT 1) AS p (thread_id)
           WHERE l.tenant_id = $1 AND l.activity_id = m.id AND l.position > 0 AND l.key <> ALL($3)
           ORDER BY l.position DESC
           LIMIT 1) AS nearest ON true
"""

LOCK_MESSAGES: Final = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + "FROM activities a WHERE a.tenant_id = $1 AND a.id = ANY($2) ORDER BY a.id FOR NO KEY UPDATE OF a"
)
MOVE: Final = """
    UPDATE activities a
       SET thread_id = moved.thread_id, version = moved.version, updated_at = $5
      FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS moved (id, thread_id, version)
     WHERE a.tenant_id = $1 AND a.id = moved.id
"""


async def find_known(transaction: Transaction, tenant_id: UUID, keys: Collection[UUID]) -> dict[UUID, Known]:
    """Return what is known of each key; one that nobody has or names is left out."""
    rows = await transaction.fetch(FIND_KNOWN, tenant_id, list(keys))
    return {row["key"]: Known(row["thread_id"], row["is_there"]) for row in rows}


async def find_answered(
    transaction: Transaction, tenant_id: UUID, activity_ids: Collection[UUID]
) -> dict[UUID, Mapping[str, Any]]:
    """Return, by id, those of the activities that are e-mails: {id, thread_id, message_id, reference_ids, key}."""
    rows = await transaction.fetch(FIND_ANSWERED, tenant_id, list(activity_ids)) if activity_ids else []
    return {row["id"]: row for row in rows}


async def find_unique_owners(
    connection: Connection, tenant_id: UUID, wanted: Sequence[tuple[UUID, UUID, UUID | None]]
) -> dict[UUID, UUID]:
    """Return, for each (activity id, key, user id), the other living activity that has this message of this user."""
    columns = [list(column) for column in zip(*wanted, strict=True)] if wanted else [[], [], []]
    rows = await connection.fetch(FIND_UNIQUE_OWNERS, tenant_id, *columns)
    return {row["id"]: row["holder_id"] for row in rows}


async def find_held(
    connection: Connection, tenant_id: UUID, keys: Collection[UUID], user_ids: Collection[UUID]
) -> dict[tuple[UUID, UUID], UUID]:
    """Return, by (key, user id), the living activity that has this message of this user."""
    rows = await connection.fetch(FIND_HELD, tenant_id, list(keys), list(user_ids))
    return {(row["key"], row["user_id"]): row["id"] for row in rows}


async def load_root(transaction: Transaction, tenant_id: UUID, thread_id: UUID) -> Root:
    row = await transaction.fetchrow(FIND_ROOT, tenant_id, thread_id)
    if row is None:
        raise LookupError(f"thread {thread_id} has no root")
    return Root(**dict(row))


async def find_touched(
    transaction: Transaction,
    tenant_id: UUID,
    *,
    activity_ids: Collection[UUID],
    answered_ids: Collection[UUID],
    keys: Collection[UUID],
) -> set[UUID]:
    """Return the threads of these activities, of what answers `answered_ids`, and of what has or names these keys."""
    rows = await transaction.fetch(FIND_TOUCHED, tenant_id, list(activity_ids), list(answered_ids), list(keys))
    return {row["thread_id"] for row in rows}


async def find_falling_back(transaction: Transaction, tenant_id: UUID, keys: Collection[UUID]) -> set[UUID]:
    """Return the threads of those that name these keys, and of all else that those name or answer."""
    rows = await transaction.fetch(FIND_FALLING_BACK, tenant_id, list(keys))
    return {row["thread_id"] for row in rows if row["thread_id"] is not None}


async def load_threads(
    transaction: Transaction, tenant_id: UUID, thread_ids: Collection[UUID], *, changing: Collection[UUID]
) -> Sequence[Mapping[str, Any]]:
    """Return the rows of all messages of these threads, as far as their partition takes it; `changing`: keys."""
    return await transaction.fetch(LOAD_THREADS, tenant_id, list(thread_ids), list(changing))


def to_message(row: Mapping[str, Any]) -> Message:
    return Message(row["id"], row["occurred_at"], row["key"], tuple(row["names"]), row["answers"])


async def lock_messages(transaction: Transaction, tenant_id: UUID, ids: Sequence[UUID]) -> list[Activity]:
    """Lock e-mails in order of id, deleted ones too."""
    return [to_activity(row) for row in await transaction.fetch(LOCK_MESSAGES, tenant_id, list(ids))]


async def move(transaction: Transaction, tenant_id: UUID, moved: Sequence[Activity], now: datetime) -> None:
    ids, threads = [one.id for one in moved], [one.thread_id for one in moved]
    await transaction.execute(MOVE, tenant_id, ids, threads, [one.version for one in moved], now)
