"""The event as a row of the outbox, where it waits for the relay: milliseconds, or as long as Kafka is away."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_shared.database import Database
from crm_shared.features.event_tracking.parts import TrackedEvent

# No index has the id, as a row is read by its position and gone at once. So all rows are read; the pool's time for a
# statement bounds that where the relay has been away for long.
FIND: Final = """
    SELECT o.position, o.type, o.aggregatetype AS aggregate, o.aggregateid AS aggregate_id, o.sequence AS version,
           o.tenantid AS tenant_id, o.occurredat AS occurred_at,
           (SELECT count(*) FROM outbox earlier WHERE earlier.position < o.position) AS before
      FROM outbox o
     WHERE o.id = $1
"""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    position: int
    before: int
    event: TrackedEvent


async def find_row(database: Database, event_id: UUID) -> WaitingRow | None:
    """Return the event's row, None where none waits. Raises as any statement does."""
    async with database.read_as_worker() as connection:
        row = await connection.fetchrow(FIND, event_id)
    if row is None:
        return None
    event = TrackedEvent(
        row["type"], row["aggregate"], row["aggregate_id"], row["version"], row["tenant_id"], row["occurred_at"]
    )
    return WaitingRow(row["position"], row["before"], event)
