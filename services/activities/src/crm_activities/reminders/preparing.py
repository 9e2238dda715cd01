"""Makes the reminders of the next seconds ready while there is nothing else to do.

Ten thousand that are due at one moment then take a look at each row and its new version, and no more. Nothing is kept
but in memory, nothing is locked: whatever is written meanwhile makes what was prepared of it worthless.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from crm_activities.reminders import repository
from crm_activities.reminders.prepared import PreparedQueue, prepare
from crm_shared.database import Database
from crm_shared.event_loop_turns import in_turns

AHEAD: Final = timedelta(seconds=10)
BATCH_RECORDS: Final = 250
"""Read in one statement; then it is looked whether any are due."""

PIECE_RECORDS: Final = 50
"""Built in one go on the event loop: some 5 ms."""

MOST_PREPARED: Final = 10_000
MOST_BYTES: Final = 32 * 1024 * 1024
"""Held at once. What is more is given as if it had not been foreseen."""


class Preparer:
    """Fills `queue`. `database` is the worker role's."""

    def __init__(self, database: Database, queue: PreparedQueue) -> None:
        self._database = database
        self._queue = queue
        self._coming: deque[tuple[UUID, UUID]] = deque()
        self._looked_until: datetime | None = None

    async def prepare_some(self, now: datetime) -> bool:
        """Make some of those ready whose time comes soon; False when there are none that are not."""
        if not self._coming:
            await self._look(now)
        batch = [self._coming.popleft() for _ in range(min(len(self._coming), BATCH_RECORDS))]
        if not batch:
            return False
        async with self._database.read_as_worker() as connection:
            activities = await repository.read_many(connection, batch)
        async for tenant_id, activity in in_turns(activities, at_once=PIECE_RECORDS):
            reminder = prepare(tenant_id, activity)
            if reminder is not None:
                self._queue.add(reminder)
            if self._queue.size_bytes > MOST_BYTES:
                self._coming.clear()
                break
        return True

    async def _look(self, now: datetime) -> None:
        """List what comes between all that was looked at and AHEAD of now, as far as there is room for it."""
        since = now if self._looked_until is None else max(now, self._looked_until)
        room = MOST_PREPARED - len(self._queue) if self._queue.size_bytes <= MOST_BYTES else 0
        if since >= now + AHEAD or room <= 0:
            return
        async with self._database.read_as_worker() as connection:
            coming = await repository.list_coming(connection, since, now + AHEAD, at_most=room)
        self._coming.extend(key for _, key in coming)
        self._looked_until = coming[-1][0] if len(coming) == room else now + AHEAD
