"""SQL that reads activities for the API: one round trip each."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import ActivityNotFound
from crm_activities.activities.visibility import FROM_ACTIVITIES, add_visible_activities
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

SELECT_ACTIVITIES = "SELECT" + ACTIVITY_COLUMNS + FROM_ACTIVITIES

# No clause for sight: who sees a contact or a deal sees all of its timeline. The caller of `list_timeline` checks that.
SELECT_TIMELINE = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + """
      FROM activities a
     WHERE a.tenant_id = $1 AND a.deleted_at IS NULL AND """
)


async def load_activity(connection: Connection, caller: Caller, activity_id: UUID) -> dict[str, Any]:
    """Read one activity as GET answers it. Raises ActivityNotFound."""
    where = add_visible_activities(Where(caller.tenant_id).add("a.id = {}", activity_id), caller)
    row = await connection.fetchrow(SELECT_ACTIVITIES + where.sql, *where.parameters)
    if row is None:
        raise ActivityNotFound
    return dict(row)


async def list_activities(
    connection: Connection, caller: Caller, filters: Where, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 visible activities. `filters` begins with the tenant as $1."""
    where = order.add_after(add_visible_activities(filters, caller), cursor)
    return await _fetch_page(connection, SELECT_ACTIVITIES, where, order, limit)


async def list_timeline(
    connection: Connection, filters: Where, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 activities. `filters` begins with the tenant as $1 and names a record in sight."""
    return await _fetch_page(connection, SELECT_TIMELINE, order.add_after(filters, cursor), order, limit)


async def _fetch_page(
    connection: Connection, query: str, where: Where, order: Order, limit: int
) -> Sequence[Mapping[str, Any]]:
    page = where.number(limit + 1)
    rows = await connection.fetch(query + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters)
    return [dict(row) for row in rows]
