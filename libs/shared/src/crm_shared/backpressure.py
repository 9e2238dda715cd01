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

from crm_shared.bus.readers import Readers
from crm_shared.contracts.topics import TOPICS
from crm_shared.database import Database
from crm_shared.settings import ServiceSettings
from crm_shared.transient import DependencyUnavailable

PATIENCE_S: Final = 10.0

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
        unsent = await self._count_unsent()
        if unsent > self.most_unsent:
            return f"the relay: more than {self.most_unsent:,} records are yet to be sent"
        if self.readers is None:
            return None
        try:
            behind = await self.readers.count_behind()
        except DependencyUnavailable:
            return "Kafka: it does not answer"
        slowest = max(behind, key=lambda group_id: behind[group_id], default=None)
        # What is yet to be sent is before them too.
        if slowest is None or behind[slowest] + unsent <= self.most_behind:
            return None
        return f"{slowest}: {behind[slowest]:,} records behind"

    async def wait(self) -> None:
        """Return once there is room for more, or after PATIENCE_S: this work must come to its end, however slowly."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at_s:
            if await self.find_obstacle() is None:
                return
            await asyncio.sleep(self.poll_s)

    async def _count_unsent(self) -> int:
        if self.most_unsent == 0:
            return 0
        async with self.database.read_as_worker() as connection:
            return int(await connection.fetchval(COUNT_UNSENT, self.most_unsent + 1))


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
