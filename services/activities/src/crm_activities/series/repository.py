"""SQL that writes and loads series, and the instances that follow one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_activities.activities.activity import Activity
from crm_activities.activities.columns import ACTIVITY_COLUMNS, ACTIVITY_TABLE
from crm_activities.activities.events import to_state
from crm_activities.activities.repository import to_activity
from crm_activities.series.columns import SERIES_TABLE
from crm_activities.series.columns import to_state as to_series_state
from crm_activities.series.domain import Series
from crm_activities.series.editing import Following
from crm_shared.database import Transaction

SELECT_SERIES: Final = "SELECT" + SERIES_TABLE.columns + " FROM activity_series s WHERE s.tenant_id = $1 AND "
LOCK_SERIES: Final = SELECT_SERIES + "s.id = $2 FOR UPDATE"
# Passed over where another worker, or a request, is at it.
CLAIM_DUE: Final = SELECT_SERIES + "s.id = ANY($2) AND s.due_at <= $3 ORDER BY s.id FOR UPDATE SKIP LOCKED"

FIND_SERIES_ID: Final = "SELECT series_id FROM activities WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL"

# Names of one series are of one form, and so in the order of time. Locked by id, as whoever locks many of them does.
# Sizes are told without the texts, as they are when they are read: what a column takes is compressed.
LOCK_FOLLOWING: Final = """
    SELECT a.id, a.recurrence_id, a.user_id, a.completed_at,
           COALESCE(octet_length(a.body), 0) + COALESCE(octet_length(a.attachments::text), 0) AS size_bytes
      FROM activities a
     WHERE a.tenant_id = $1 AND a.series_id = $2 AND a.deleted_at IS NULL
       AND a.recurrence_id COLLATE "C" >= (SELECT recurrence_id FROM activities WHERE tenant_id = $1 AND id = $3)
     ORDER BY a.id
       FOR UPDATE OF a
"""
LIST_DELETED: Final = """
    SELECT a.recurrence_id, a.deleted_at
      FROM activities a
     WHERE a.tenant_id = $1 AND a.series_id = $2 AND a.deleted_at IS NOT NULL AND a.recurrence_id COLLATE "C" >= $3
"""
LOAD_LOCKED: Final = "SELECT" + ACTIVITY_COLUMNS + " FROM activities a WHERE a.tenant_id = $1 AND a.id = ANY($2)"
INSERT_INSTANCES: Final = ACTIVITY_TABLE.insert_many + " RETURNING id"


async def insert(transaction: Transaction, tenant_id: UUID, series: Series) -> None:
    await transaction.execute(SERIES_TABLE.insert, *SERIES_TABLE.to_row(tenant_id, series))


async def save(transaction: Transaction, tenant_id: UUID, series: Sequence[Series]) -> None:
    await transaction.execute(SERIES_TABLE.update_many, tenant_id, [to_series_state(one) for one in series])


async def lock(transaction: Transaction, tenant_id: UUID, series_id: UUID) -> Series | None:
    row = await transaction.fetchrow(LOCK_SERIES, tenant_id, series_id)
    return None if row is None else to_series(row)


async def claim_due(
    transaction: Transaction, tenant_id: UUID, series_ids: Sequence[UUID], now: datetime
) -> list[Series]:
    """Lock those that are due by now and that nobody else holds."""
    return [to_series(row) for row in await transaction.fetch(CLAIM_DUE, tenant_id, series_ids, now)]


async def find_series_id(transaction: Transaction, tenant_id: UUID, activity_id: UUID) -> UUID | None:
    series_id: UUID | None = await transaction.fetchval(FIND_SERIES_ID, tenant_id, activity_id)
    return series_id


async def lock_following(
    transaction: Transaction, tenant_id: UUID, series_id: UUID, activity_id: UUID
) -> list[Following]:
    """Lock a living instance and the later ones of its series, in the order of their ids."""
    return [Following(**row) for row in await transaction.fetch(LOCK_FOLLOWING, tenant_id, series_id, activity_id)]


async def load_locked(transaction: Transaction, tenant_id: UUID, activity_ids: Sequence[UUID]) -> list[Activity]:
    return [to_activity(row) for row in await transaction.fetch(LOAD_LOCKED, tenant_id, activity_ids)]


async def list_deleted(transaction: Transaction, tenant_id: UUID, series_id: UUID, since: str) -> dict[str, datetime]:
    """Return what was deleted of a series from the recurrence id `since` on, by recurrence id, with when that was."""
    rows = await transaction.fetch(LIST_DELETED, tenant_id, series_id, since)
    return {row["recurrence_id"]: row["deleted_at"] for row in rows}


async def save_activities(transaction: Transaction, tenant_id: UUID, activities: Sequence[Activity]) -> None:
    await transaction.execute(ACTIVITY_TABLE.update_many, tenant_id, [to_state(activity) for activity in activities])


async def insert_instances(transaction: Transaction, tenant_id: UUID, instances: Sequence[Activity]) -> set[UUID]:
    """Write those that are not there yet, deleted ones included; give their ids."""
    rows = await transaction.fetch(INSERT_INSTANCES, tenant_id, [to_state(instance) for instance in instances])
    return {row["id"] for row in rows}


def to_series(row: Mapping[str, Any]) -> Series:
    values = dict(row)
    return Series(**values | {name: tuple(values[name]) for name in ("contact_ids", "skipped", "cut_at", "closed")})
