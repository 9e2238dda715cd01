"""SQL that reads activities for the API."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import ActivityNotFound
from crm_activities.activities.sparse_visibility import find_sparsely_visible
from crm_activities.activities.visibility import (
    FROM_MANY,
    FROM_ONE,
    OF_FOUND,
    add_one_visible,
    add_visible_of,
    to_visibility,
)
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, Rows, select_page
from crm_shared.listing.statements import first_rows, to_halves

SELECT_ACTIVITY = "SELECT" + ACTIVITY_COLUMNS + FROM_ONE
SELECT_ACTIVITIES = "SELECT" + ACTIVITY_COLUMNS + FROM_MANY
SELECT_FOUND = "SELECT" + ACTIVITY_COLUMNS + " FROM (SELECT a.*" + FROM_MANY

WALKED_FOR_EACH = 10
"""So many activities are looked at for each that a team's page wants, before it is looked for in the other way."""

# The user's own clock, else the tenant's.
FIND_ZONE = """
    SELECT COALESCE(u.time_zone, t.time_zone)
      FROM directory_users u
      JOIN directory_tenants t USING (tenant_id)
     WHERE u.tenant_id = $1 AND u.id = $2
"""


async def find_zone(connection: Connection, caller: Caller) -> str:
    """Return the IANA name of the time zone that the caller lives by."""
    return str(await connection.fetchval(FIND_ZONE, caller.tenant_id, caller.user_id) or caller.time_zone)


async def load_activity(connection: Connection, caller: Caller, activity_id: UUID) -> dict[str, Any]:
    """Read one activity as GET answers it. Raises ActivityNotFound."""
    where = add_one_visible(Where(caller.tenant_id), caller, activity_id)
    row = await connection.fetchrow(SELECT_ACTIVITY + where.sql, *where.parameters)
    if row is None:
        raise ActivityNotFound
    return dict(row)


async def list_activities(
    connection: Connection, caller: Caller, filters: Where, page: Page, *, leaves_many: bool
) -> Rows:
    """Return up to a page's limit + 1 visible activities. `filters` begins with the tenant as $1.

    `leaves_many`: no filter leaves few by itself, as that for a contact would.
    """
    owner_ids = await list_visible_owners(connection, caller)
    if leaves_many and owner_ids is not None and len(owner_ids) > 1:
        rows = await select_team_activities(caller, filters, page).fetch(connection)
        if len(rows) > page.limit:
            return rows
    few = await find_sparsely_visible(connection, caller, owner_ids)
    if few is not None:
        filters = filters.copy().add("a.id = ANY({})", few)
    return await select_activities(caller, filters, page, owner_ids).fetch(connection)


def select_activities(caller: Caller, filters: Where, page: Page, owner_ids: Sequence[UUID] | None) -> ListStatement:
    """Return a page of what is visible to whom these owners' records are; None, an ADMIN's, leaves everything."""
    return select_page(SELECT_ACTIVITIES, add_visible_of(filters, caller, owner_ids), page)


def select_team_activities(caller: Caller, filters: Where, page: Page) -> ListStatement:
    """Return what the caller, who sees a team's, sees of the first of all activities: the page if that fills it."""

    def to_sql(where: Where, count: str) -> str:
        order = page.order.sql
        found = where.sql + first_rows(order, where.number(WALKED_FOR_EACH * (page.limit + 1))) + ") AS a"
        return SELECT_FOUND + found + OF_FOUND + to_visibility(where, caller) + first_rows(order, count)

    return to_halves(filters, page, to_sql)
