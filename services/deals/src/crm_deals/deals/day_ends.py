"""When a whole day ends: where its user is, and anew when that changes."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from crm_deals.deals import next_steps
from crm_shared.background import background, repeat
from crm_shared.database import Database, Transaction
from crm_shared.local_days import end_of_day
from crm_shared.time_window import END

PAUSE_S: Final = 0.5
BATCH_ROWS: Final = 500
NOWHERE: Final = "UTC"
"""The zone of a tenant that was not heard of yet. Its coming is noted, and dates its days anew."""

LAST_MOMENT: Final = END - timedelta(microseconds=1)

# Who dates a day holds this to its commit, all of them at once. Who dates days anew takes it alone for a moment: from
# then on nobody is at work who has read the zones of before.
SHARE_ZONES: Final = "SELECT pg_advisory_xact_lock_shared(hashtextextended('day ends', 0))"
AWAIT_WRITERS: Final = "SELECT pg_advisory_xact_lock(hashtextextended('day ends', 0))"

LOAD_ZONES: Final = """
    SELECT wanted.tenant_id, wanted.user_id, COALESCE(u.time_zone, t.time_zone, $3) AS time_zone
      FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, user_id)
      LEFT JOIN directory_users u ON u.tenant_id = wanted.tenant_id AND u.id = wanted.user_id
      LEFT JOIN directory_tenants t ON t.tenant_id = wanted.tenant_id
"""

LIST_MOVED: Final = "SELECT position, tenant_id, user_id FROM moved_time_zones ORDER BY position LIMIT 1000"
FORGET_MOVED: Final = "DELETE FROM moved_time_zones WHERE position = ANY ($1)"

LOCK_MISDATED: Final = """
    SELECT a.activity_id, a.deal_id, a.scheduled_on, COALESCE(u.time_zone, t.time_zone, $4) AS time_zone
      FROM deal_activities a
      LEFT JOIN directory_users u ON u.tenant_id = a.tenant_id AND u.id = a.user_id
      LEFT JOIN directory_tenants t ON t.tenant_id = a.tenant_id
     WHERE a.tenant_id = $1 AND ($2::uuid[] IS NULL OR a.user_id = ANY ($2)) AND a.activity_id > $3
       AND a.is_open AND a.scheduled_on IS NOT NULL
       AND a.time_zone IS DISTINCT FROM COALESCE(u.time_zone, t.time_zone, $4)
     ORDER BY a.activity_id
     LIMIT $5
       FOR NO KEY UPDATE OF a
"""
DATE_ANEW: Final = """
    UPDATE deal_activities a
       SET time_zone = dated.time_zone, due_at = dated.due_at
      FROM unnest($2::uuid[], $3::text[], $4::timestamptz[]) AS dated (activity_id, time_zone, due_at)
     WHERE a.tenant_id = $1 AND a.activity_id = dated.activity_id
"""


def due_at(day: date, zone: str) -> datetime:
    """Return when the day is over in `zone`, within the time that the suite knows."""
    return min(end_of_day(day, zone), LAST_MOMENT)


async def load_zones(
    transaction: Transaction, keys: Collection[tuple[UUID, UUID | None]]
) -> Mapping[tuple[UUID, UUID | None], str]:
    """Return the time zone of each (tenant, user): the user's, else the tenant's. It holds to the commit."""
    await transaction.execute(SHARE_ZONES)
    wanted = list(keys)
    rows = await transaction.fetch(
        LOAD_ZONES, [tenant_id for tenant_id, _ in wanted], [user_id for _, user_id in wanted], NOWHERE
    )
    return {(row["tenant_id"], row["user_id"]): row["time_zone"] for row in rows}


async def date_anew(database: Database) -> bool:
    """Date the days of those whose time zone has changed; tell whether there may be more. `database` is the worker's.

    Noted changes are forgotten when all is done: whoever dies in between leaves them to the next. Two at once do the
    same, one after the other.
    """
    async with database.read_as_worker() as connection:
        moved = await connection.fetch(LIST_MOVED)
    if not moved:
        return False
    async with database.begin_as_worker() as transaction:
        await transaction.execute(AWAIT_WRITERS)
    for tenant_id, user_ids in _group(moved).items():
        after: UUID | None = UUID(int=0)
        while after is not None:
            async with database.begin_as_worker() as transaction:
                after = await date_page(transaction, tenant_id, user_ids, after)
    async with database.begin_as_worker() as transaction:
        await transaction.execute(FORGET_MOVED, [row["position"] for row in moved])
    return True


def _group(moved: Collection[Mapping[str, Any]]) -> dict[UUID, list[UUID] | None]:
    """Return whose days are to be dated by tenant; None, where the tenant itself has moved, for everybody's."""
    users: dict[UUID, list[UUID] | None] = {}
    for row in moved:
        known = users.setdefault(row["tenant_id"], [])
        if row["user_id"] is None:
            users[row["tenant_id"]] = None
        elif known is not None:
            known.append(row["user_id"])
    return users


async def date_page(transaction: Transaction, tenant_id: UUID, user_ids: list[UUID] | None, after: UUID) -> UUID | None:
    """Date the next days that are not as they should be; give the last one's activity, None when there are no more."""
    rows = await transaction.fetch(LOCK_MISDATED, tenant_id, user_ids, after, NOWHERE, BATCH_ROWS)
    if not rows:
        return None
    await transaction.execute(
        DATE_ANEW,
        tenant_id,
        [row["activity_id"] for row in rows],
        [row["time_zone"] for row in rows],
        [due_at(row["scheduled_on"], row["time_zone"]) for row in rows],
    )
    await next_steps.recompute(transaction, {(tenant_id, row["deal_id"]) for row in rows})
    last: UUID = rows[-1]["activity_id"]
    return last


@asynccontextmanager
async def following_time_zones(database: Database) -> AsyncIterator[None]:
    """Keep whole days' ends in line with the directory while in the block."""

    async def follow() -> bool:
        return await date_anew(database)

    async with background(repeat("time_zones", follow, pause_s=PAUSE_S)):
        yield
