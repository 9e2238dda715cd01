"""Keeps an import from filling the outbox faster than the relay empties it: other records' events wait behind."""

import asyncio
from typing import Final

from crm_shared.database import Database

PAUSE_S: Final = 0.1

# No further than it has to count: a million rows may wait.
COUNT: Final = "SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting"


async def wait_for_relay(database: Database, most_rows: int) -> None:
    """Return once no more than `most_rows` events wait to be sent."""
    while True:
        async with database.read_as_worker() as connection:
            if await connection.fetchval(COUNT, most_rows + 1) <= most_rows:
                return
        await asyncio.sleep(PAUSE_S)
