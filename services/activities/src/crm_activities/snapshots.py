"""The present state of every activity, the system's notes included."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

from crm_activities.activities import events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_shared.contracts import Event, OutboxEvent
from crm_shared.database import Connection
from crm_shared.database.walks import Page
from crm_shared.snapshots.sources import SnapshotSource, delete_at

FIND_SERIES: Final = """
    SELECT s.tenant_id, s.id
      FROM unnest($1::uuid[], $2::uuid[]) AS named (tenant_id, id)
      JOIN activity_series s USING (tenant_id, id)
"""


async def snapshot_activities(_connection: Connection, rows: Page) -> list[OutboxEvent]:
    return [events.MAPPING.snapshot(to_activity(row), tenant_id=tenant_id) for tenant_id, row in rows]


async def find_made_again(connection: Connection, lost: Sequence[Event]) -> set[tuple[UUID, UUID]]:
    """Return the notes that the consumers write again, and what the series that are there have still to make."""
    instances = {event.aggregate_id: (event.tenant_id, series) for event in lost if (series := _find_series(event))}
    named = sorted(set(instances.values()))
    rows = await connection.fetch(FIND_SERIES, [one for one, _ in named], [one for _, one in named]) if named else ()
    there = {(row["tenant_id"], row["id"]) for row in rows}
    return {
        (event.tenant_id, event.aggregate_id)
        for event in lost
        if event.state.get("system") is True or instances.get(event.aggregate_id) in there
    }


def _find_series(event: Event) -> UUID | None:
    """Return the series that makes the activity under its id, if one does."""
    try:
        series_id = UUID(event.state.get("series_id"))
    except (TypeError, ValueError, AttributeError):
        return None
    is_its_own = uuid5(series_id, str(event.state.get("recurrence_id"))) == event.aggregate_id
    return series_id if is_its_own else None


SOURCES: Final = (
    SnapshotSource(
        *("activity", "activities", "a", ACTIVITY_COLUMNS, snapshot_activities),
        end=delete_at,
        find_made_again=find_made_again,
    ),
)
