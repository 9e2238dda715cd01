"""A server on which nobody calls is at rest, and ends as soon as it is asked to."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import pytest

from crm_local.engines.ports import free_ports
from crm_shared.http import server
from crm_shared.http.server import GuardedServer, serving
from crm_shared.telemetry.health import health_app

LONGER_THAN_A_TEST_S: Final = 3600.0
SERVING: Final = """
import asyncio
from crm_shared.edge_settings import EdgeSettings
from crm_shared.http import server
from crm_shared.telemetry.health import health_app

server.TICK_S = 3600.0
config = server._configure(health_app({}), EdgeSettings.model_construct(), host="127.0.0.1", port=0, lifespan="off")
running = server.GuardedServer(config)
shown = running.main_loop
async def main_loop():
    print("up", flush=True)
    await shown()
running.main_loop = main_loop
running.run()
"""


async def test_it_looks_twice_a_second_and_its_date_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []
    looked = GuardedServer.on_tick

    async def note(self: GuardedServer, counter: int) -> bool:
        ticks.append(counter)
        return await looked(self, counter)

    monkeypatch.setattr(GuardedServer, "on_tick", note)
    began_s = time.monotonic()
    (port,) = free_ports(1)
    async with serving(health_app({}), host="127.0.0.1", port=port), httpx.AsyncClient() as client:
        dates: set[datetime] = set()
        while len(dates) < 3:
            answer = await client.get(f"http://127.0.0.1:{port}/livez")
            dates.add(parsedate_to_datetime(answer.headers["date"]))
            await asyncio.sleep(0.2)
        lasted_s = time.monotonic() - began_s
    assert len(ticks) <= lasted_s * 2 + 2
    assert ticks == list(range(0, 5 * len(ticks), 5)), "the date is written at each tenth"


async def test_it_is_woken_when_it_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TICK_S", LONGER_THAN_A_TEST_S)
    async with asyncio.timeout(60), serving(health_app({}), host="127.0.0.1", port=free_ports(1)[0]):
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_wakes_it_too(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVING], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(0.2)  # it is at rest by then, most often
        os.kill(process.pid, number)
        assert process.wait(60) in (0, -number)
