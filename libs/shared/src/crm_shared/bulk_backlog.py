"""How much is before everybody's next write: measured by the worker, read by the API, which may not ask Kafka itself.

One row, of no tenant. Whoever reads it asks for it, so nothing is measured while nobody needs it.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crm_shared.database import Connection

BULK_BACKLOG_DDL: Final = """
CREATE TABLE bulk_backlog (
    is_only     boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    asked_at    timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    measured_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    records     bigint      NOT NULL DEFAULT 0,
    slowest     text        NOT NULL DEFAULT ''
);
INSERT INTO bulk_backlog DEFAULT VALUES;
"""

# One UPDATE a second, however many batches look: they would wait for each other's.
READ: Final = """
    WITH asked AS (
        UPDATE bulk_backlog SET asked_at = clock_timestamp() WHERE asked_at < clock_timestamp() - interval '1 second'
    )
    SELECT records, slowest, extract(epoch FROM clock_timestamp() - measured_at)::float8 AS age_s FROM bulk_backlog
"""
FIND_REQUEST: Final = """
    SELECT clock_timestamp() AS now, asked_at > clock_timestamp() - interval '5 seconds' AS is_asked FROM bulk_backlog
"""
NOTE: Final = "UPDATE bulk_backlog SET measured_at = $1, records = $2, slowest = $3"

STALE_AFTER_S: Final = 3.0
"""What was measured longer ago tells nothing of now."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Records that wait to be sent or read. `slowest` is who has most before it, such as `search.index`, or empty."""

    records: int
    slowest: str


@dataclass(frozen=True, slots=True)
class Measured(Backlog):
    """`began_at_s`: on this process' monotonic clock. What was committed later is not in it."""

    began_at_s: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.began_at_s < STALE_AFTER_S


async def read_backlog(connection: Connection) -> Measured | None:
    """Return what was measured last, which may be long ago, and ask for more; None where nobody ever measures."""
    row = await connection.fetchrow(READ)
    if row is None:
        return None
    return Measured(row["records"], row["slowest"], began_at_s=time.monotonic() - row["age_s"])


async def find_request(connection: Connection) -> datetime | None:
    """Return the database's time if anybody has asked within the last seconds."""
    row = await connection.fetchrow(FIND_REQUEST)
    return row["now"] if row is not None and row["is_asked"] else None


async def note_backlog(connection: Connection, backlog: Backlog, *, began_at: datetime) -> None:
    await connection.execute(NOTE, began_at, backlog.records, backlog.slowest)
