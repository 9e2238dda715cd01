"""The worker's task: imports that wait are carried out, several at once, tenants in turn."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from crm_shared.background import background, repeat
from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock, SystemClock
from crm_shared.database import Connection, Database
from crm_shared.features.imports.adapter import Adapters
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.features.imports.write.cleanup import tidy
from crm_shared.features.imports.write.execution import ImportWork, is_passing
from crm_shared.features.imports.write.turns import ChunkQueue, Turn, Waiting, choose, find_longest, list_waiting
from crm_shared.refusals import Unavailable

logger = structlog.get_logger(__name__)

LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('import ' || $1::uuid, 0))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtextextended('import ' || $1::uuid, 0))"

TIDY_S: Final = 3600.0


@dataclass(slots=True)
class _AtWork:
    """The imports that one worker is at, each with its lock in the session `locks`: it dies with this process."""

    locks: Connection
    turns: dict[UUID, Turn] = field(default_factory=dict)
    tasks: dict[asyncio.Task[None], UUID] = field(default_factory=dict)
    claimed: Waiting | None = None
    """Ours already, and to begin as soon as another's turn has ended."""
    resting: dict[UUID, float] = field(default_factory=dict)
    """Until when those rest that could not go on: others were in the way, or a store was away."""
    done: int = 0

    async def claim(self, waiting: Waiting) -> bool:
        return bool(await self.locks.fetchval(LOCK, waiting.id))

    async def release(self, import_id: UUID) -> None:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.locks.execute(UNLOCK, import_id)

    def list_free(self, waiting: list[Waiting]) -> list[Waiting]:
        now_s = time.monotonic()
        return [one for one in waiting if one.id not in self.turns and self.resting.get(one.id, 0.0) <= now_s]


@dataclass(frozen=True, slots=True)
class ImportRunner:
    """Carries out what waits. `run` never ends by itself; `run_waiting` ends when nothing waits."""

    settings: ImportSettings
    database: Database
    clock: Clock
    backpressure: Backpressure
    kinds: Adapters

    async def run(self) -> None:
        async def execute_import() -> bool:
            return await self.run_waiting() > 0

        await repeat("imports", execute_import, pause_s=self.settings.import_poll_s, transient_errors=(Unavailable,))

    async def run_waiting(self) -> int:
        """Carry out each import that no other worker is at, `import_lanes` of them at once; give how many turns.

        Whoever comes meanwhile gets a lane, if need be that of an import that has had its turn. Raises what kept an
        import from its end that is still to come, once all others have ended.
        """
        work = ImportWork(self.settings, self.database, self.clock, ChunkQueue(self.backpressure), self.kinds)
        async with self.database.read_as_worker() as locks:
            at_work = _AtWork(locks)
            try:
                await self._rotate(work, at_work)
            finally:
                for task in at_work.tasks:
                    task.cancel()
                await asyncio.gather(*at_work.tasks, return_exceptions=True)
                for import_id in [*at_work.turns, *([at_work.claimed.id] if at_work.claimed else [])]:
                    await at_work.release(import_id)
        return at_work.done

    async def _rotate(self, work: ImportWork, at_work: _AtWork) -> None:
        unsettled: Exception | None = None
        while True:
            await self._fill(work, at_work)
            if not at_work.tasks:
                break
            ended, _ = await asyncio.wait(
                at_work.tasks, timeout=self.settings.import_poll_s, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                unsettled = await self._conclude(at_work, task) or unsettled
        if unsettled is not None:
            raise unsettled

    async def _fill(self, work: ImportWork, at_work: _AtWork) -> None:
        """Give free lanes to those that wait. Where none is free, ask for one: that of whoever has had its turn."""
        async with self.database.read_as_worker() as connection:
            waiting = at_work.list_free(await list_waiting(connection))
        if at_work.claimed is not None and len(at_work.turns) < self.settings.import_lanes:
            self._begin(work, at_work, at_work.claimed)
            at_work.claimed = None
        while waiting and at_work.claimed is None:
            chosen = choose(waiting, at_work.turns.values())
            waiting.remove(chosen)
            if len(at_work.turns) < self.settings.import_lanes:
                if await at_work.claim(chosen):
                    self._begin(work, at_work, chosen)
                continue
            longest = find_longest(chosen, at_work.turns.values(), turn_s=self.settings.import_turn_s)
            if longest is None:
                break
            if await at_work.claim(chosen):
                longest.is_over = True
                at_work.claimed = chosen

    def _begin(self, work: ImportWork, at_work: _AtWork, chosen: Waiting) -> None:
        turn = Turn(chosen.tenant_id)
        at_work.turns[chosen.id] = turn
        at_work.tasks[asyncio.create_task(work.execute_import(chosen.tenant_id, chosen.id, turn))] = chosen.id

    async def _conclude(self, at_work: _AtWork, task: asyncio.Task[None]) -> Exception | None:
        """Return the lane free. Gives the error that ended the import for now; others go on."""
        import_id = at_work.tasks.pop(task)
        del at_work.turns[import_id]
        await at_work.release(import_id)
        at_work.done += 1
        try:
            await task
        except Exception as error:
            at_work.resting[import_id] = time.monotonic() + self.settings.import_poll_s
            if is_passing(error):
                logger.warning("import_rests", import_id=str(import_id), error=repr(error))
            else:
                logger.exception("import_rests", import_id=str(import_id))
            return error
        return None


@asynccontextmanager
async def importing(
    settings: ImportSettings, database: Database, backpressure: Backpressure, kinds: Adapters
) -> AsyncIterator[None]:
    """Carry out imports while in the block."""

    async def tidy_up() -> None:
        await tidy(database, settings)

    runner = ImportRunner(settings, database, SystemClock(), backpressure, kinds)
    async with background(runner.run(), repeat("import_leftovers", tidy_up, pause_s=TIDY_S)):
        yield
