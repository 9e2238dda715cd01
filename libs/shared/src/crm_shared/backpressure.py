"""Keeps bulk work from running away from what it feeds: whoever writes one record meanwhile waits behind it.

Records of all tenants share the outbox, the topics and their readers, in one order. So the only way to let a single
write pass is never to have much before it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

from crm_shared.background import background, repeat
from crm_shared.bulk_backlog import Backlog, find_request, note_backlog
from crm_shared.bus.readers import Readers
from crm_shared.contracts.topics import TOPICS
from crm_shared.database import Database
from crm_shared.settings import ServiceSettings
from crm_shared.transient import DependencyUnavailable

PATIENCE_S: Final = 10.0

REQUEST_POLL_S: Final = 1.0
"""How often is looked whether an API wants to know the backlog."""

MEASURE_PAUSE_S: Final = 0.2
COUNTED_UNSENT: Final = 5000

# No further than it has to count: a million rows may wait.
COUNT_UNSENT: Final = "SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS waiting"


@dataclass(frozen=True, slots=True)
class Backpressure:
    """Asked before each piece of bulk work. `readers` None: only the relay is waited for; `most_unsent` 0: nor that."""

    database: Database
    readers: Readers | None
    most_unsent: int
    most_behind: int
    poll_s: float

    @classmethod
    def of(cls, settings: ServiceSettings, database: Database, readers: Readers | None = None) -> Self:
        """Make it as the settings have it. `database` is the worker role's."""
        most_unsent = settings.bulk_outbox_rows if settings.outbox_relay == "built-in" else 0
        return cls(database, readers, most_unsent, settings.bulk_readers_behind, settings.bulk_poll_s)

    async def find_obstacle(self) -> str | None:
        """Name what is too far behind for more, such as `search.index: 4,000 records behind`; None to go on."""
        unsent = await self._count_unsent(self.most_unsent + 1)
        if unsent > self.most_unsent:
            return f"the relay: more than {self.most_unsent:,} records are yet to be sent"
        try:
            slowest, behind = await self._find_slowest()
        except DependencyUnavailable:
            return "Kafka: it does not answer"
        # What is yet to be sent is before them too.
        if behind == 0 or behind + unsent <= self.most_behind:
            return None
        return f"{slowest}: {behind:,} records behind"

    async def measure(self) -> Backlog:
        """Return what is before a record that is written now. Raises DependencyUnavailable while Kafka is away."""
        unsent = await self._count_unsent(COUNTED_UNSENT)
        slowest, behind = await self._find_slowest()
        return Backlog(behind + unsent, slowest or ("relay" if unsent else ""))

    async def wait(self) -> None:
        """Return once there is room for more, or after PATIENCE_S: this work must come to its end, however slowly."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at_s:
            if await self.find_obstacle() is None:
                return
            await asyncio.sleep(self.poll_s)

    async def _find_slowest(self) -> tuple[str, int]:
        """Return the group that has most before it, and how much; empty where none has anything."""
        behind = {} if self.readers is None else await self.readers.count_behind()
        slowest = max(behind, key=lambda group_id: behind[group_id], default="")
        return (slowest, behind[slowest]) if behind.get(slowest) else ("", 0)

    async def _count_unsent(self, at_most: int) -> int:
        if self.most_unsent == 0:
            return 0
        async with self.database.read_as_worker() as connection:
            return int(await connection.fetchval(COUNT_UNSENT, at_most))


@asynccontextmanager
async def applying_backpressure(settings: ServiceSettings, database: Database) -> AsyncIterator[Backpressure]:
    """Yield the pace of bulk work that tells of the service's records. `database` is the worker role's."""
    topics = [spec.name for spec in TOPICS.values() if spec.service == settings.service]
    readers = Readers(settings.kafka, settings.bulk_readers, topics) if settings.bulk_readers else None
    try:
        yield Backpressure.of(settings, database, readers)
    finally:
        if readers is not None:
            await readers.close()


@asynccontextmanager
async def measuring_backlog(database: Database, backpressure: Backpressure) -> AsyncIterator[None]:
    """Measure the backlog for the API as long as the block runs, while it asks. `database` is the worker role's."""
    async with background(repeat("backlog", lambda: measure_if_asked(database, backpressure), pause_s=REQUEST_POLL_S)):
        yield


async def measure_if_asked(database: Database, backpressure: Backpressure) -> bool:
    """Measure once if an API has asked of late, and return whether it has."""
    async with database.read_as_worker() as connection:
        began_at = await find_request(connection)
    if began_at is None:
        return False
    backlog = await backpressure.measure()
    async with database.read_as_worker() as connection:
        await note_backlog(connection, backlog, began_at=began_at)
    await asyncio.sleep(MEASURE_PAUSE_S)
    return True
