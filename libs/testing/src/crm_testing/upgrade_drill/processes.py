"""Processes of either tree on ports of their own, started and ended one by one as an orchestrator does."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from crm_testing.upgrade_drill.trees import Described

READY_WITHIN_S: Final = 180.0
ENDS_WITHIN_S: Final = 60.0
POLL_S: Final = 0.1
IN_ORDER: Final = (0, -signal.SIGTERM)
"""uvicorn ends by the signal itself, once all is done."""


class DrillFailed(Exception):
    """What was to happen has not; the message says what, and where its log is."""


@dataclass
class RunningProcess:
    """One process that answers /readyz at `port`. `of`: old or new."""

    of: str
    described: Described
    port: int
    log: Path
    process: Process

    @classmethod
    async def start(cls, of: str, described: Described, port: int, logs: Path) -> "RunningProcess":
        """Start it; `wait_ready` says when it takes work."""
        log = logs / f"{of}-{described.name}.log"
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *described.command,
                env=described.environment | {"CRM_HTTP_PORT": str(port)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        return cls(of, described, port, log, process)

    async def wait_ready(self, client: httpx.AsyncClient) -> None:
        """Return once it says so. Raises DrillFailed when it ends or takes too long."""
        give_up_at_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < give_up_at_s:
            if self.process.returncode is not None:
                break
            try:
                if (await client.get(f"http://127.0.0.1:{self.port}/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(POLL_S)
        raise DrillFailed(f"{self.of} {self.described.name} does not get ready: {self.log}")

    async def end(self) -> None:
        """Tell it to end and wait until it has, in order. Raises DrillFailed for any other end."""
        self.process.terminate()
        async with asyncio.timeout(ENDS_WITHIN_S):
            status = await self.process.wait()
        if status not in IN_ORDER:
            raise DrillFailed(f"{self.of} {self.described.name} ended with {status}: {self.log}")

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def run_command(described: Described, logs: Path) -> tuple[int, str]:
    """Run a command to its end; return its exit status and what it prints."""
    log = logs / f"{described.service}-{described.name}.log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *described.command, env=described.environment, stdout=asyncio.subprocess.PIPE, stderr=file
        )
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
