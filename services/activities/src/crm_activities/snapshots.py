"""The present state of every activity, for `republish`."""

from collections.abc import AsyncIterator

from crm_activities.activities import events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database
from crm_shared.database.walks import select_pages, walk_rows

SELECT_ACTIVITIES = select_pages(ACTIVITY_COLUMNS, "activities", "a")


async def list_snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    """Give every tenant's activities, the system's notes and deleted ones included, page by page."""
    async for tenant_id, row in walk_rows(database, SELECT_ACTIVITIES):
        yield events.MAPPING.snapshot(to_activity(row), tenant_id=tenant_id)
