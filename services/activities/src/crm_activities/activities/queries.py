"""SQL that reads activities for the API."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import ActivityNotFound
from crm_activities.activities.visibility import FROM_MANY, FROM_ONE, add_in_sight, add_one_in_sight
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

SELECT_ACTIVITY = "SELECT" + ACTIVITY_COLUMNS + FROM_ONE
SELECT_ACTIVITIES = "SELECT" + ACTIVITY_COLUMNS + FROM_MANY


async def load_activity(connection: Connection, caller: Caller, activity_id: UUID) -> dict[str, Any]:
    """Read one activity as GET answers it. Raises ActivityNotFound."""
    where = add_one_in_sight(Where(caller.tenant_id), caller, activity_id)
    row = await connection.fetchrow(SELECT_ACTIVITY + where.sql, *where.parameters)
    if row is None:
        raise ActivityNotFound
    return dict(row)


async def list_activities(
    connection: Connection, caller: Caller, filters: Where, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 visible activities. `filters` begins with the tenant as $1."""
    owner_ids = await list_visible_owners(connection, caller)
    return await _fetch_page(
        connection, order.add_after(add_in_sight(filters, caller, owner_ids), cursor), order, limit
    )


async def list_timeline(
    connection: Connection, filters: Where, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 activities. `filters` begins with the tenant as $1 and names the contact or deal.

    Without a clause for sight: who sees a contact or a deal sees all of its timeline. That it is seen, the caller of
    this function has made sure.
    """
    return await _fetch_page(connection, order.add_after(filters, cursor), order, limit)


async def _fetch_page(connection: Connection, where: Where, order: Order, limit: int) -> Sequence[Mapping[str, Any]]:
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_ACTIVITIES + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [dict(row) for row in rows]
