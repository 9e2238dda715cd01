"""What a database's server alone knows and operators have to: its clock against ours, and the log that slots keep."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from prometheus_client import Gauge

from crm_shared.background import background, repeat
from crm_shared.database.pool import Database

LOOK_EVERY_S: Final = 15.0

CLOCK_OFFSET_S: Final = Gauge(
    "crm_clock_offset_seconds", "How far this process' clock is ahead of the database server's, to about a round trip"
)
SLOT_RETAINED_BYTES: Final = Gauge(
    "crm_postgres_slot_retained_bytes",
    "Log that the database server keeps for a replication slot, whoever reads it; it fills the disk if nobody does",
    ["slot"],
)

LOOK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
SLOTS: Final = """
    SELECT slot_name,
           pg_wal_lsn_diff(
               CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn
           )::float8 AS retained_bytes
      FROM pg_replication_slots
     WHERE restart_lsn IS NOT NULL
"""


async def look(database: Database) -> None:
    """Set the metrics. Raises as any statement when the server is away; then they are as they were."""
    async with database.read_as_worker() as connection:
        before_s = time.time()
        server_s = await connection.fetchval(LOOK)
        CLOCK_OFFSET_S.set((before_s + time.time()) / 2 - server_s)
        slots = await connection.fetch(SLOTS)
    SLOT_RETAINED_BYTES.clear()  # of a slot that was dropped nothing stays
    for slot in slots:
        SLOT_RETAINED_BYTES.labels(slot["slot_name"]).set(slot["retained_bytes"])


@asynccontextmanager
async def watching_cluster(dsn: str) -> AsyncIterator[None]:
    """Look again and again while in the block. `dsn` is the worker role's."""
    async with (
        Database.opened(dsn, max_size=1) as database,
        background(repeat("database_watch", partial(look, database), pause_s=LOOK_EVERY_S)),
    ):
        yield
