"""The relay's SQL: one statement a cycle, and one for the metrics."""

from collections.abc import Sequence
from typing import Any, Final, Self

import asyncpg

from crm_shared.outbox.metrics import BACKLOG_ROWS, MEASURED_AT_S, OLDEST_ROW_AGE_S

# Deletes what Kafka has acknowledged and reads what comes next in one round trip. Both halves see one snapshot, so $2
# names every position that must not come again: the deleted ones and those under way. There is no "position >
# last seen": a lower position may commit later than a higher one, and would never be read.
CYCLE: Final = """
    WITH acknowledged AS (DELETE FROM outbox WHERE position = ANY ($1::bigint[]))
    SELECT position, id::text, aggregatetype, aggregateid, type, payload, tenantid, sequence::text, source,
           dataschema, specversion, contenttype, occurredat, traceparent
      FROM outbox
     WHERE position <> ALL ($2::bigint[])
     ORDER BY position
     LIMIT $3
"""

# What an idle relay asks, a fifth of the cycle's work: it is never planned anew, and prepares no deleting.
ANY: Final = "SELECT EXISTS (SELECT FROM outbox)"

# The id is a UUIDv7 made when the row was: its time is the row's age, while occurredat may be any day in the past.
BACKLOG: Final = """
    SELECT count(*) AS row_count,
           coalesce(extract(epoch FROM clock_timestamp() - min(uuid_extract_timestamp(id))), 0)::float8 AS oldest_age_s
      FROM (SELECT id FROM outbox ORDER BY position LIMIT 100001) AS waiting
"""


class OutboxQueue:
    """The outbox table through the leader's session."""

    def __init__(self, connection: asyncpg.Connection, cycle: Any, look: Any) -> None:
        self._connection = connection
        self._cycle = cycle
        self._look = look

    @classmethod
    async def open(cls, connection: asyncpg.Connection) -> Self:
        # Planned anew each time, the positions are constants, and PostgreSQL hashes them. A generic plan compares each
        # row with each position: 1,000 rows a cycle took three times as long.
        await connection.execute("SET plan_cache_mode = force_custom_plan")
        # What is asked without parameters keeps the plan of its first time, when the table was small: read from its
        # beginning it would be, past all that has been sent since and not been vacuumed yet, at every look.
        await connection.execute("SET enable_seqscan = off")
        return cls(connection, await connection.prepare(CYCLE), await connection.prepare(ANY))

    @property
    def is_closed(self) -> bool:
        return bool(self._connection.is_closed())

    async def is_empty(self) -> bool:
        """Return whether no row waits, those under way or held back included."""
        return not await self._look.fetchval()

    async def take(self, *, acknowledged: Sequence[int], under_way: Sequence[int], limit: int) -> list[asyncpg.Record]:
        """Delete the rows at `acknowledged` and give the next `limit` rows, in order, that are not `under_way`."""
        rows: list[asyncpg.Record] = await self._cycle.fetch(acknowledged, [*acknowledged, *under_way], limit)
        return rows

    async def report_backlog(self) -> None:
        """Set the backlog's metrics. Raises as any statement when the session is gone."""
        await report_backlog(self._connection)


async def report_backlog(connection: asyncpg.Connection) -> None:
    """Do so for whoever cleans the outbox in the relay's place."""
    row = await connection.fetchrow(BACKLOG)
    BACKLOG_ROWS.set(row["row_count"])
    OLDEST_ROW_AGE_S.set(row["oldest_age_s"])
    MEASURED_AT_S.set_to_current_time()
