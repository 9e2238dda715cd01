"""A process that dies comes back: after the first pause at once, later slower, and on request without any."""

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from crm_local.plan import Program
from crm_local.program_process import ProgramProcess
from crm_local.supervised import Supervised

SLEEPER = "import time; time.sleep(60)"
FIRST_BACKOFF_S = 0.2


class Sleeper(ProgramProcess):
    """A process that is ready as soon as it runs; `code` is what it runs."""

    def __init__(self, folder: Path, code: str) -> None:
        command = [sys.executable, "-c", code]
        super().__init__(Program("sleeper", "deals", "worker", 1, command, dict(os.environ), ()), folder / "log")

    def is_ready(self) -> bool:
        return self.pid is not None


@asynccontextmanager
async def supervised(folder: Path, code: str) -> AsyncIterator[tuple[Supervised, list[tuple[str, float]]]]:
    """Yield a supervised process and the list of its states with their times, which grows."""
    seen: list[tuple[str, float]] = []
    with ThreadPoolExecutor() as threads:

        def note() -> None:
            if not seen or seen[-1][0] != subject.state:
                seen.append((subject.state, time.monotonic()))

        subject = Supervised(
            Sleeper(folder, code), gates=_open, changed=note, threads=threads, first_backoff_s=FIRST_BACKOFF_S
        )
        task = asyncio.create_task(subject.run())
        try:
            yield subject, seen
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await subject.stop(5)
            assert subject.runnable.pid is None


async def _open() -> None: ...


async def _wait_until(subject: Supervised, *, restarts: int) -> None:
    await _wait(lambda: subject.restarts >= restarts and subject.state == "running")


async def _wait(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


async def test_killed_it_comes_back_as_another_process(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEPER) as (subject, seen):
        await _wait_until(subject, restarts=0)
        first = subject.runnable.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await _wait_until(subject, restarts=1)
        assert subject.runnable.pid not in {None, first}
        assert subject.last_end == "killed by signal 9"
        assert [state for state, _ in seen] == ["starting", "running", "backoff", "starting", "running"]


async def test_one_that_dies_at_once_waits_longer_every_time(tmp_path: Path) -> None:
    async with supervised(tmp_path, "raise SystemExit(3)") as (subject, seen):
        await _wait(lambda: subject.restarts >= 3)
        assert subject.last_end == "ended with status 3"
        pauses = [later - sooner for (state, sooner), (_, later) in itertools.pairwise(seen) if state == "backoff"]
        assert pauses[0] >= FIRST_BACKOFF_S
        assert pauses[1] >= 2 * FIRST_BACKOFF_S
        assert pauses[2] >= 4 * FIRST_BACKOFF_S


async def test_a_restart_on_request_is_no_death(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEPER) as (subject, seen):
        await _wait_until(subject, restarts=0)
        first = subject.runnable.pid
        subject.restart()
        await _wait(lambda: subject.state == "running" and subject.runnable.pid != first)
        assert subject.restarts == 0
        assert "backoff" not in [state for state, _ in seen]


async def test_one_that_is_held_stays_away_until_it_is_released(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEPER) as (subject, seen):
        await _wait_until(subject, restarts=0)
        subject.hold()
        await _wait(lambda: subject.state == "held" and subject.runnable.pid is None)
        subject.restart()
        await asyncio.sleep(0.3)
        assert subject.state == "held"
        subject.release()
        await _wait(lambda: subject.state == "running")
        assert [state for state, _ in seen] == ["starting", "running", "held", "starting", "running"]


async def test_one_that_is_held_ahead_never_runs(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEPER) as (subject, seen):
        subject.hold()
        await _wait(subject.settled.is_set)
        assert not subject.ready.is_set()
        assert [state for state, _ in seen] == ["held"]


async def test_what_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEPER) as (subject, _):
        await _wait_until(subject, restarts=0)
        (tmp_path / "log").unlink()
        (tmp_path / "log").mkdir()
        os.kill(subject.runnable.pid or 0, signal.SIGKILL)
        await _wait(lambda: (subject.last_end or "").startswith("did not start"))
        (tmp_path / "log").rmdir()
        await _wait_until(subject, restarts=2)
