"""The present state of every activity, for `republish`."""

from collections.abc import AsyncIterator
from uuid import UUID

from crm_activities.activities import events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database

PAGE_ROWS = 500

SELECT_ACTIVITIES = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + """, a.tenant_id
      FROM activities a
     WHERE (a.tenant_id, a.id) > ($1, $2)
     ORDER BY a.tenant_id, a.id
     LIMIT $3
"""
)


async def list_snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    """Give every tenant's activities, the system's notes and deleted ones included, page by page."""
    after = (UUID(int=0), UUID(int=0))
    while True:
        async with database.read_as_worker() as connection:
            page = await connection.fetch(SELECT_ACTIVITIES, *after, PAGE_ROWS)
        if not page:
            return
        for row in page:
            activity = to_activity({name: value for name, value in row.items() if name != "tenant_id"})
            yield events.snapshot(activity, tenant_id=row["tenant_id"])
        after = (page[-1]["tenant_id"], page[-1]["id"])
