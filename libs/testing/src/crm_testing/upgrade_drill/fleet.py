"""The processes of both releases, rolled as the chart rolls them, behind one address for each API."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from crm_local.plan import API_OFFSET, Plan
from crm_shared.service_registry import SERVICES
from crm_testing.upgrade_drill.balancer import Balancer
from crm_testing.upgrade_drill.processes import RunningProcess
from crm_testing.upgrade_drill.trees import Described, Tree

UNTIL_NOBODY_COMES_S: Final = 2.0
"""Between taking an API out of its address and telling it to end: the chart's `preStop`, shorter."""

OFFSETS: Final = {"old": {"api": 31, "worker": 11, "relay": 21}, "new": {"api": 41, "worker": 61, "relay": 71}}
"""Of ports from the suite's base, where the API's own are the balancers'."""


@dataclass
class Fleet:
    """`running` by (old or new, process name)."""

    plan: Plan
    logs: Path
    client: httpx.AsyncClient
    running: dict[tuple[str, str], RunningProcess] = field(default_factory=dict)
    balancers: dict[str, Balancer] = field(default_factory=dict)

    async def open_addresses(self) -> None:
        """Listen where clients and the services themselves call each API."""
        for service in SERVICES:
            self.balancers[service] = Balancer(self.plan.port_base + API_OFFSET + SERVICES.index(service))
            await self.balancers[service].open()

    async def start(self, tree: Tree, roles: Sequence[str]) -> None:
        """Start the tree's processes of these roles beside what runs, and send work to each once it is ready."""
        wanted = [program for program in tree.list_programs() if program.role in roles]
        await asyncio.gather(*(self._start(tree, program) for program in wanted))

    async def _start(self, tree: Tree, program: Described) -> None:
        port = self.plan.port_base + OFFSETS[tree.name][program.role] + SERVICES.index(program.service)
        started = await RunningProcess.start(tree.name, program, port, self.logs)
        self.running[tree.name, program.name] = started
        await started.wait_ready(self.client)
        if program.role == "api":
            self.balancers[program.service].add(port)

    async def end(self, tree: Tree, roles: Sequence[str]) -> None:
        """End the tree's processes of these roles one by one."""
        for name in [
            key for role in roles for key in self.running if key[0] == tree.name and self._role_of(key) == role
        ]:
            ending = self.running[name]
            if ending.described.role == "api":
                self.balancers[ending.described.service].remove(ending.port)
                await asyncio.sleep(UNTIL_NOBODY_COMES_S)
            await ending.end()
            del self.running[name]

    async def close(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                await process.kill()
        for balancer in self.balancers.values():
            await balancer.close()

    def _role_of(self, key: tuple[str, str]) -> str:
        return self.running[key].described.role
