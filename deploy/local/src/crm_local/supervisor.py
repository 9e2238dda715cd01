"""The process that keeps the suite alive: `python -m crm_local.supervisor`, started by `crm up`, one per CRM_HOME.

It is told to end by SIGTERM, to restart a process by a file in `run/restart/`, and to keep one from running by one in
`run/held/`, for as long as that is there; what it knows is in `run/state.json`.
"""

import asyncio
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import asyncpg
import psutil
from aiokafka.errors import KafkaError

from crm_local.debezium import forget_former_debezium, let_debezium_in
from crm_local.engines import Engine
from crm_local.home import Home
from crm_local.issuer import make_keys
from crm_local.migrations import MigrationFailed, bring_up_to_date, is_up_to_date
from crm_local.plan import Plan
from crm_local.preloading import (
    MODULES,
    OF_MIGRATIONS,
    Preloader,
    StartProgram,
    can_preload,
    start_separately,
)
from crm_local.program_process import ProgramProcess
from crm_local.replica import forget_former_replica
from crm_local.supervised import Supervised
from crm_shared.service_registry import PUBLISHERS, SERVICES, find_service

STOP_PROGRAMS_WITHIN_S = 12.0
STOP_ENGINES_WITHIN_S = 30.0
REQUESTS_POLL_S = 0.2
# Migrations are a Python start each: more at once than cores only makes the first later.
PARALLEL_MIGRATIONS = 2

Phase = Literal["starting", "ready", "stopping", "failed", "stopped"]


class Supervisor:
    """Starts engines, migrations and programs in the order that their needs give, and keeps them alive."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began_s = time.monotonic()
        self._phase: Phase = "starting"
        self._message: str | None = None
        self._jwks_url = plan.service_environment("contacts", "api")["CRM_AUTH_JWKS_URL"]
        self._stopping = asyncio.Event()
        self._migrated = {service: asyncio.Event() for service in SERVICES}
        self._migrating = asyncio.Semaphore(PARALLEL_MIGRATIONS)
        self._threads = ThreadPoolExecutor(max_workers=16)
        self._up_to_date = {service for service in SERVICES if is_up_to_date(plan.home, service)}
        self._preloader = self._make_preloader()
        self._start: StartProgram = self._preloader.start if self._preloader is not None else start_separately
        self._engines: dict[str, Supervised] = {}
        for engine in plan.engines:
            self._engines[engine.name] = self._supervise(engine, self._engine_gates(engine))
        self._programs = {
            program.name: self._supervise(
                ProgramProcess(program, plan.log_file(program.name), self._start),
                self._gates(program.service, tuple(program.needs)),
            )
            for program in plan.programs()
        }
        self._described = {engine.name: (None, "engine") for engine in plan.engines} | {
            program.name: (program.service, program.role) for program in plan.programs()
        }

    async def run(self) -> int:
        """Run until told to stop; gives the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        everything = [*self._engines.values(), *self._programs.values()]
        self._hold_and_release()  # before anything is started: what is held must not run for a moment
        if self._preloader is not None:
            self._preloader.begin()  # it loads while the engines start
        tasks = [asyncio.create_task(supervised.run()) for supervised in everything]
        tasks += [asyncio.create_task(self._migrate(service)) for service in SERVICES]
        tasks += [asyncio.create_task(self._announce_ready()), asyncio.create_task(self._serve_requests())]
        tasks += [asyncio.create_task(self._forget_former_engines())]
        await self._stopping.wait()
        if self._phase != "failed":
            self._phase = "stopping"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(program.stop(STOP_PROGRAMS_WITHIN_S) for program in self._programs.values()))
        for engines in self._list_last_ones_first():
            await asyncio.gather(*(engine.stop(STOP_ENGINES_WITHIN_S) for engine in engines))
        if self._preloader is not None:
            await asyncio.to_thread(self._preloader.close)
        if self._phase != "failed":
            self._phase = "stopped"
        self._write_state()
        return 1 if self._phase == "failed" else 0

    def _make_preloader(self) -> Preloader | None:
        if not can_preload(os.environ):
            return None
        return Preloader(MODULES if self._up_to_date.issuperset(SERVICES) else MODULES + OF_MIGRATIONS)

    def _supervise(self, runnable: Any, gates: Callable[[], Awaitable[object]]) -> Supervised:
        return Supervised(runnable, gates=gates, changed=self._write_state, threads=self._threads)

    def _list_last_ones_first(self) -> list[list[Supervised]]:
        """Debezium says to the others how far it came: it has to end before them."""
        connect = [self._engines[name] for name in ("connect",) if name in self._engines]
        return [connect, [engine for engine in self._engines.values() if engine not in connect]]

    def _engine_gates(self, engine: Engine) -> Callable[[], Awaitable[object]]:
        if engine is self._plan.replica:
            return self._engines["postgres"].ready.wait
        return self._let_debezium_in if engine is self._plan.connect else _nothing

    async def _let_debezium_in(self) -> None:
        for service in PUBLISHERS:
            await self._gates(service, ("postgres", "kafka"))()
        try:
            await let_debezium_in(self._plan)
        except (OSError, asyncpg.PostgresError, KafkaError) as error:
            self._fail(f"Debezium can't be let in: {error!r}")

    def _gates(self, service: str, needs: tuple[str, ...]) -> Callable[[], Awaitable[None]]:
        async def wait() -> None:
            for need in needs:
                await self._engines[need].ready.wait()
            await self._migrated[service].wait()

        return wait

    async def _migrate(self, service: str) -> None:
        if service in self._up_to_date:
            self._migrated[service].set()
            return
        for need in ("postgres", "kafka", *(["elasticsearch"] if find_service(service).uses_elasticsearch else [])):
            await self._engines[need].ready.wait()
        async with self._migrating:
            try:
                await bring_up_to_date(self._plan, service, start=self._start)
            except (MigrationFailed, OSError) as error:
                self._fail(str(error))
                return
        self._migrated[service].set()

    async def _forget_former_engines(self) -> None:
        await self._engines["postgres"].ready.wait()
        await asyncio.to_thread(forget_former_replica, self._plan)
        await forget_former_debezium(self._plan)

    async def _announce_ready(self) -> None:
        for supervised in (*self._engines.values(), *self._programs.values()):
            await supervised.settled.wait()
        self._phase = "ready"
        self._write_state()

    async def _serve_requests(self) -> None:
        everything = self._engines | self._programs
        while True:
            for request in self._plan.home.restart_requests.iterdir():
                request.unlink()
                if request.name in everything:
                    everything[request.name].restart()
            self._hold_and_release()
            await asyncio.sleep(REQUESTS_POLL_S)

    def _hold_and_release(self) -> None:
        held = self._plan.home.list_held()
        for name, supervised in (self._engines | self._programs).items():
            if name in held:
                supervised.hold()
            else:
                supervised.release()

    def _fail(self, message: str) -> None:
        self._phase = "failed"
        self._message = message
        self._write_state()
        self._stopping.set()

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(),
            "phase": self._phase,
            "message": self._message,
            "port_base": self._plan.port_base,
            "jwks_url": self._jwks_url,
            "processes": [
                self._describe(name, supervised) for name, supervised in (self._engines | self._programs).items()
            ],
        }
        fresh = self._plan.home.state_file.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._plan.home.state_file)

    def _describe(self, name: str, supervised: Supervised) -> dict[str, Any]:
        service, role = self._described[name]
        pid = supervised.runnable.pid
        ready_at_s = supervised.became_ready_at_s
        return {
            "name": name,
            "service": service,
            "role": role,
            "pid": pid,
            "port": supervised.runnable.port,
            "state": supervised.state,
            "restarts": supervised.restarts,
            "last_end": supervised.last_end,
            "ready_after_s": None if ready_at_s is None else round(ready_at_s - self._began_s, 1),
            "created_at_s": _created_at(pid),
        }


async def _nothing() -> None:
    """Let an engine start: it needs nothing else."""


def _created_at(pid: int | None) -> float | None:
    try:
        return psutil.Process(pid).create_time() if pid is not None else None
    except psutil.NoSuchProcess:
        return None


def main() -> int:
    home = Home.from_environment()
    with home.lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 3  # another `crm up` was quicker; its caller follows that one
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        make_keys(home)
        return asyncio.run(_supervise(home))


async def _supervise(home: Home) -> int:
    return await Supervisor(Plan(home, home.port_base())).run()


if __name__ == "__main__":
    sys.exit(main())
