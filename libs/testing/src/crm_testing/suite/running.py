"""`crm up` in a home and on ports of its own. Tests act through HTTP, look through HTTP, and kill real processes."""

import asyncio
import functools
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from crm_contacts.directory.commands import CreateTenant, create_tenant
from crm_local import suite
from crm_local.engines.ports import http_get, is_free
from crm_local.home import Home
from crm_local.issuer import issue
from crm_local.plan import Plan
from crm_shared.clock import SystemClock, new_id
from crm_shared.database import Database, UnitOfWork
from crm_shared.service_registry import PUBLISHERS, SERVICES
from crm_testing.drain import Bus, drain, redeliver
from crm_testing.suite.left_running import HOMES_VARIABLE, NOTE_SUFFIX
from crm_testing.suite.tenant import Tenant

# What only hangs takes longer: other tests keep the machine busy meanwhile.
UP_WITHIN_S = 660
READY_WITHIN_S = 240.0
RESTS_WITHIN_S = 240.0


def find_port_base() -> int:
    """Find a base whose hundred ports are free, far from where a developer's own suite runs.

    Below 32768: from there on the system hands out ports to outgoing connections, at any moment. The start is by
    chance, so that two runs at the same time rarely look at the same ones.
    """
    bases = list(range(20000, 32000, 100))
    random.shuffle(bases)
    for base in bases:
        if all(is_free(base + offset) for offset in range(1, 100)):
            return base
    raise RuntimeError("no hundred free ports in a row")


class RunningCrm:
    """`start` gives it ready; `reset` ends it and deletes its data, `stop` closes what speaks to it as well.

    `variables` are set for all its processes.
    """

    def __init__(self, folder: Path, port_base: int, variables: Mapping[str, str] | None = None) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CRM_")},
            "CRM_HOME": str(folder),
            "CRM_PORT_BASE": str(port_base),
            "CRM_RATE_LIMIT_REQUESTS": "1000000",
            "CRM_SEARCH_INDEX_WORK_EVERY_S": "1",  # the new index is known to be whole when tests begin
            **(variables or {}),
        }
        self.home = Home(folder)
        self.plan: Plan
        self._note: Path | None = None
        self._is_reset = False
        self.dead_letters = 0  # those that tests of this session have brought about
        self.bad_readings = 0  # how many of them each reading of the topics from the beginning brings about again
        self._client = httpx.AsyncClient(timeout=20)

    def start(self, *options: str) -> None:
        """Start it with these options of `crm up`."""
        if homes := os.environ.get(HOMES_VARIABLE):
            self._note = Path(homes) / f"{self._environment['CRM_PORT_BASE']}{NOTE_SUFFIX}"
            self._note.write_text(json.dumps({name: self._environment[name] for name in ("CRM_HOME", "CRM_PORT_BASE")}))
        self._crm("up", "--no-demo", *options, timeout_s=UP_WITHIN_S)
        self.home = Home(self.home.path)
        self.plan = Plan(self.home, int(self._environment["CRM_PORT_BASE"]))

    def start_anew(self, *options: str) -> None:
        """Stop it and start it again with other options of `crm up`; its data stay."""
        self._crm("down", timeout_s=300)
        self._crm("up", "--no-demo", *options, timeout_s=UP_WITHIN_S)
        self.plan = Plan(self.home, self.plan.port_base)

    async def stop(self) -> None:
        await self._client.aclose()
        await asyncio.to_thread(self.reset)

    def reset(self) -> None:
        """End all its processes and delete its data; again is fine."""
        if self._is_reset:
            return
        self._crm("reset", timeout_s=300)
        self._is_reset = True
        if self._note is not None:
            self._note.unlink()

    def _crm(self, *arguments: str, timeout_s: float = 60) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "crm_local.cli", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"crm {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
        return done.stdout

    async def run(self, service: str, *arguments: str) -> str:
        """Run a service's own command with this suite's settings, as `crm run` does; return what it prints."""
        return await asyncio.to_thread(self._crm, "run", service, *arguments)

    async def command(self, *arguments: str, timeout_s: float = 300) -> str:
        """Run a command of `crm` on this suite; return what it prints. Raises RuntimeError where it fails."""
        return await asyncio.to_thread(functools.partial(self._crm, *arguments, timeout_s=timeout_s))

    # What it is made of

    @property
    def bus(self) -> Bus:
        """Every outbox, and every group with its topics, as the services' own workers declare them."""
        groups: dict[str, tuple[str, ...]] = {}
        for service in SERVICES:
            worker = importlib.import_module(f"crm_{service}.worker")
            groups |= {consumer.group_id: consumer.topics for consumer in worker.CONSUMERS}
        outboxes = [self.plan.dsn(service, "worker") for service in PUBLISHERS]
        return Bus(self.plan.kafka.bootstrap, outboxes, groups)

    async def drain(self, *, timeout_s: float = RESTS_WITHIN_S, new_dead_letters: int = 0) -> None:
        """Wait until nothing moves any more: relays, then every consumer. Raises NoRest, DeadLettered."""
        self.dead_letters += new_dead_letters
        self.bad_readings += new_dead_letters
        await drain(self.bus, timeout_s=timeout_s, expected_dead_letters=self.dead_letters)

    async def redeliver(self) -> None:
        """Have every consumer read every topic again from offset 0."""
        workers = [name for name in self.pids() if name.endswith("-worker")]
        with self.supervisor_frozen():
            await self.end(*workers)
            await redeliver(self.bus)
        self.dead_letters += self.bad_readings
        await self.wait_ready(*workers)

    # Processes

    def pids(self) -> dict[str, int]:
        return {process["name"]: process["pid"] for process in suite.list_processes(self.home) if process["pid"]}

    def _pids(self, names: list[str]) -> list[int]:
        pids = self.pids()
        return [pids[name] for name in names]

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.pids()[name], number)

    def kill(self, name: str) -> None:
        """SIGKILL one process; the supervisor starts it again."""
        self.signal(name, signal.SIGKILL)

    async def end(self, *names: str) -> None:
        """Have processes end as they do when told to, and wait until they have. The supervisor must be frozen."""
        for name in names:
            self.signal(name, signal.SIGTERM)
        pids = self._pids([*names])
        await self._wait_until(lambda: not any(self._is_alive(pid) for pid in pids), f"{', '.join(names)} to end")

    @contextmanager
    def supervisor_frozen(self) -> Iterator[None]:
        """Keep the supervisor from restarting what dies in the block."""
        pid = suite.supervisor_pid(self.home)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def away(self, *engines: str, at_least_s: float) -> AsyncIterator[None]:
        """Kill `engines` and keep them dead while in the block, `at_least_s` seconds; then wait until they are back."""
        began_s = time.monotonic()
        try:
            with self.supervisor_frozen():
                for engine in engines:
                    self.kill(engine)
                yield
                await asyncio.sleep(max(0.0, at_least_s - (time.monotonic() - began_s)))
        finally:  # a test that fails must not take the next ones with it
            await self.wait_ready()

    async def wait_ready(self, *names: str) -> None:
        """Wait until these processes, or else all, are running and ready again."""

        def are_ready() -> bool:
            states = {process["name"]: process for process in suite.list_processes(self.home)}
            waited_for = [states[name] for name in names or states]
            return all(state["state"] == "running" and self._answers_ready(state) for state in waited_for)

        await self._wait_until(are_ready, f"{', '.join(names) or 'everything'} to be ready")

    def _answers_ready(self, process: dict[str, Any]) -> bool:
        if process["role"] == "engine":
            return True
        answer = http_get(process["port"], "/readyz", timeout_s=3)
        return answer is not None and answer[0] == HTTPStatus.OK

    async def read_metrics(self, headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the metrics of every process but the engines, by its name. They must be ready."""
        processes = [process for process in suite.list_processes(self.home) if process["role"] != "engine"]
        urls = [f"http://127.0.0.1:{process['port']}/metrics" for process in processes]
        answers = await asyncio.gather(*(self._client.get(url, headers=headers) for url in urls))
        return {str(process["name"]): answer.text for process, answer in zip(processes, answers, strict=True)}

    @staticmethod
    def _is_alive(pid: int) -> bool:
        try:
            return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False

    @staticmethod
    async def _wait_until(is_so: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
        give_up_at_s = time.monotonic() + within_s
        while not await asyncio.to_thread(is_so):
            if time.monotonic() > give_up_at_s:
                raise AssertionError(f"waited {within_s:.0f} s for {what}")
            await asyncio.sleep(0.1)

    # People

    async def new_tenant(self, name: str = "Acme", currency: str = "EUR") -> Tenant:
        """Create a tenant as the command line does, without two processes for each."""
        command = CreateTenant(
            tenant_id=(tenant_id := new_id()),
            name=name,
            base_currency=currency,
            time_zone="Europe/Berlin",
            admin_email=f"admin@{name.lower()}.example",
            admin_name="admin",
        )
        async with Database.opened(self.plan.dsn("contacts", "app"), max_size=1) as database:
            admin_id = await create_tenant(command, UnitOfWork(database), SystemClock())
        urls = {service: self.plan.api_url(service) for service in SERVICES}
        return Tenant(tenant_id, admin_id, urls=urls, sign=self.sign, client=self._client)

    def sign(self, tenant_id: UUID, user_id: UUID) -> str:
        """Sign a token as `crm token` does, without a process for each."""
        return issue(self.home, tenant_id=tenant_id, user_id=user_id, ttl_s=3600)
