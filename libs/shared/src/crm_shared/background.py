"""What a worker does beside its consumers, over and over, whatever goes wrong in one of the rounds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, Never

import structlog
from prometheus_client import Counter

from crm_shared.transient import is_transient

logger = structlog.get_logger(__name__)

ROUNDS: Final = Counter(
    "crm_background_rounds",
    "Rounds of a worker's own work, by work and outcome: done, waits (a store is away or busy), failed (our mistake)",
    ["work", "outcome"],
)


async def repeat(
    name: str,
    work: Callable[[], Awaitable[bool | None]],
    *,
    pause_s: float,
    transient_errors: tuple[type[BaseException], ...] = (),
) -> Never:
    """Do `work` until cancelled, `pause_s` seconds apart; at once again when it gives True: there is more.

    Nothing that a round raises ends the rounds. What the outside has to mend (`is_transient`, or `transient_errors`) is
    logged in a line, anything else with its traceback.
    """
    for outcome in ("done", "waits", "failed"):
        ROUNDS.labels(name, outcome)  # of a counter whose first value is 1 no increase is seen
    while True:
        has_more = False
        try:
            has_more = bool(await work())
            outcome = "done"
        except Exception as error:
            if is_transient(error, transient_errors):
                outcome = "waits"
                logger.warning("background_work_waits", work=name, error=repr(error), again_in_s=pause_s)
            else:
                outcome = "failed"
                logger.exception("background_work_failed", work=name, again_in_s=pause_s)
        ROUNDS.labels(name, outcome).inc()
        if not has_more:
            await asyncio.sleep(pause_s)


@asynccontextmanager
async def background(*works: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run these beside the block; at its end they are cancelled and waited for."""
    tasks = [asyncio.create_task(_report_end(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for work in works:
            work.close()  # of a task that was cancelled before its first step, nobody has awaited it


async def _report_end(work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:
        logger.exception("background_work_ended")
