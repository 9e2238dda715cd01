"""One process kept alive: started, watched until ready, restarted when it dies, slower each time it dies soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

POLL_S = 0.1
LOOK_AFTER_S = 0.5
"""How often is looked whether a process that runs still does."""
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0
# One that ran this long is taken to have been well: its next death is a first one again.
SETTLED_AFTER_S = 60.0
LARGEST_LOG_BYTES = 20 * 1024 * 1024

Result = TypeVar("Result")
State = Literal["stopped", "starting", "running", "backoff", "held"]


class Runnable(Protocol):
    """What can be kept alive. The methods block; they are called in threads."""

    name: str
    port: int

    @property
    def log_file(self) -> Path: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def exit_status(self) -> int | None: ...
    def start(self) -> Any: ...
    def is_ready(self) -> bool: ...
    def stop(self, timeout_s: float = ...) -> None: ...


class Supervised:
    """Keeps `runnable` alive once `gates` have let it through. `changed` is called at every change of state."""

    def __init__(
        self,
        runnable: Runnable,
        *,
        gates: Callable[[], Awaitable[object]],
        changed: Callable[[], None],
        threads: Executor,
        first_backoff_s: float = FIRST_BACKOFF_S,
    ) -> None:
        self.runnable = runnable
        self.state: State = "stopped"
        self.restarts = 0
        self.last_end: str | None = None
        self.ready = asyncio.Event()
        self.settled = asyncio.Event()
        """It is ready, or held: what may be waited for of it at a start has come."""
        self.became_ready_at_s: float | None = None
        self._gates = gates
        self._changed = changed
        self._threads = threads
        self._first_backoff_s = first_backoff_s
        self._restart_asked = asyncio.Event()
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._start: asyncio.Future[Any] | None = None

    async def run(self) -> None:
        """Keep it alive until cancelled; then `stop` ends it."""
        await self._gates()
        backoff_s = self._first_backoff_s
        while True:
            await self._wait_while_held()
            began_s = time.monotonic()
            await self._live()
            if self._restart_asked.is_set():
                self._restart_asked.clear()
                backoff_s = self._first_backoff_s
                continue
            if time.monotonic() - began_s > SETTLED_AFTER_S:
                backoff_s = self._first_backoff_s
            self._enter("backoff")
            is_asked = await self._wait(backoff_s)
            backoff_s = self._first_backoff_s if is_asked else min(backoff_s * 2, LONGEST_BACKOFF_S)
            self.restarts += 1

    def restart(self) -> None:
        """Have it stopped and started now, without the wait that follows a death."""
        self._restart_asked.set()

    def hold(self) -> None:
        """Have it stopped, and not started again before `release`."""
        if self._may_run.is_set():
            self._may_run.clear()
            self._restart_asked.set()

    def release(self) -> None:
        """Let it run again where it was held."""
        self._may_run.set()

    async def stop(self, timeout_s: float) -> None:
        # A start that was under way when `run` was cancelled goes on in its thread: first let it have its process.
        if self._start is not None:
            await asyncio.wait([self._start])
        await self._in_thread(lambda: self.runnable.stop(timeout_s))
        self._enter("stopped")

    async def _live(self) -> None:
        """Start it and come back when it has ended, or was asked to."""
        self._enter("starting")
        _turn_over(self.runnable.log_file)
        try:
            self._start = asyncio.ensure_future(self._in_thread(self.runnable.start))
            await asyncio.shield(self._start)
        except Exception as error:  # noqa: BLE001 - whatever kept it from starting, it is tried again
            self.last_end = f"did not start: {error}"
            return
        self._changed()
        while (status := self.runnable.exit_status) is None:
            if self._restart_asked.is_set():
                await self._in_thread(self.runnable.stop)
                return
            if self.state == "starting" and await self._in_thread(self.runnable.is_ready):
                self._enter("running")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S if self.state == "starting" else LOOK_AFTER_S):
                    await self._restart_asked.wait()
        self.last_end = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"

    async def _wait_while_held(self) -> None:
        if self._may_run.is_set():
            return
        self._restart_asked.clear()
        self._enter("held")
        await self._may_run.wait()

    async def _wait(self, seconds: float) -> bool:
        """Wait, or until a restart is asked for: then return True."""
        try:
            async with asyncio.timeout(seconds):
                await self._restart_asked.wait()
        except TimeoutError:
            return False
        self._restart_asked.clear()
        return True

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _enter(self, state: State) -> None:
        self.state = state
        if state == "running":
            self.became_ready_at_s = time.monotonic()
            self.ready.set()
        if state in {"running", "held"}:
            self.settled.set()
        self._changed()


def _turn_over(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > LARGEST_LOG_BYTES:
        log_file.replace(log_file.with_suffix(".log.1"))
