"""Whose import comes next: tenants in turn, each user's imports one after another, and no chunk out of turn."""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_shared.backpressure import Backpressure
from crm_shared.database import Connection
from crm_shared.features.imports.domain import ITS_TURN

# A user's imports in the order in which they were begun: the second file may name what the first one brings.
LIST_WAITING: Final = """
    SELECT first.tenant_id, first.id, first.since
      FROM (SELECT DISTINCT ON (i.tenant_id, i.created_by)
                   i.tenant_id, i.id, coalesce(i.turned_at, i.created_at) AS since
              FROM imports i
             WHERE i.status IN ('QUEUED', 'RUNNING', 'REVERTING')
             ORDER BY i.tenant_id, i.created_by, i.created_at, i.id) AS first
     ORDER BY first.since, first.id
     LIMIT 1000
"""

QUEUE_POLL_S: Final = 0.05


class TurnOver(Exception):
    """Another import is to go on in this one's place."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An import that could go on. `since`: the end of its last turn, or its beginning."""

    tenant_id: UUID
    id: UUID
    since: datetime


@dataclass(slots=True, eq=False)
class Turn:
    """One import's time at work. `is_over` asks it to make room; it looks between two chunks.

    It begins with the first chunk that could be written: else a slow start would be all that there is of it.
    """

    tenant_id: UUID
    began_at_s: float = math.inf
    is_over: bool = False

    def begin(self) -> None:
        self.began_at_s = min(self.began_at_s, time.monotonic())


async def list_waiting(connection: Connection) -> list[Waiting]:
    """Return the first import of each user that has one, whoever is at it, the longest waiting first."""
    rows: Sequence[Mapping[str, Any]] = await connection.fetch(LIST_WAITING)
    return [Waiting(row["tenant_id"], row["id"], row["since"]) for row in rows]


def choose(waiting: Collection[Waiting], at_work: Iterable[Turn]) -> Waiting:
    """Choose the next of those that wait: of a tenant with few at work, and there who has waited longest."""
    busy = Counter(turn.tenant_id for turn in at_work)
    return min(waiting, key=lambda one: (busy[one.tenant_id], one.since))


def find_longest(waiting: Waiting, at_work: Collection[Turn], *, turn_s: float) -> Turn | None:
    """Find whose turn should end for the one that waits: its own tenant's, or that of one with more at work."""
    busy = Counter(turn.tenant_id for turn in at_work)
    began_before_s = time.monotonic() - turn_s
    due = [
        turn
        for turn in at_work
        if turn.began_at_s <= began_before_s
        and (turn.tenant_id == waiting.tenant_id or busy[turn.tenant_id] > busy[waiting.tenant_id])
    ]
    return min(due, key=lambda turn: (-busy[turn.tenant_id], turn.began_at_s), default=None)


@dataclass(frozen=True, slots=True)
class ChunkQueue:
    """Lets one import after another write a chunk, each when what it feeds keeps pace."""

    backpressure: Backpressure
    _queue: deque[Turn] = field(default_factory=deque)

    @asynccontextmanager
    async def passing(
        self, turn: Turn, on_wait: Callable[[str], Awaitable[None]], *, feeds: bool = True
    ) -> AsyncIterator[None]:
        """Wait for the chunk's place, and keep it while in the block. `feeds`: the chunk will tell of its records.

        `on_wait` is told again and again what is waited for. Raises TurnOver if the turn ends meanwhile.
        """
        turn.begin()
        self._queue.append(turn)
        try:
            while (obstacle := await self._find_obstacle(turn, feeds=feeds)) is not None:
                if turn.is_over:
                    raise TurnOver
                await on_wait(obstacle)
                await asyncio.sleep(self.backpressure.poll_s if self._queue[0] is turn else QUEUE_POLL_S)
            yield
        finally:
            self._queue.remove(turn)

    async def _find_obstacle(self, turn: Turn, *, feeds: bool) -> str | None:
        if self._queue[0] is not turn:
            return ITS_TURN
        return await self.backpressure.find_obstacle() if feeds else None
