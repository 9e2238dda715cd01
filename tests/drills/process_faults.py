"""What may befall processes: one that hangs, a broker that is gone, a clock that is off."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from drills.site import Site

from crm_observability.prometheus_tools import find_faketime

AHEAD_S: Final = 5
KILLED_AFTER_S: Final = 20


@asynccontextmanager
async def stop_relay(site: Site) -> AsyncIterator[None]:
    """Have the relay of deals hang: it neither ends nor answers, and keeps its lock."""
    site.crm.signal("deals-relay", signal.SIGSTOP)
    try:
        yield
    finally:
        site.crm.signal("deals-relay", signal.SIGCONT)


@asynccontextmanager
async def kill_kafka(site: Site) -> AsyncIterator[None]:
    """Kill the broker, and have nobody start it again meanwhile."""
    async with site.crm.away("kafka", at_least_s=0):
        yield


@asynccontextmanager
async def put_clock_ahead(site: Site) -> AsyncIterator[None]:
    """Run the worker of deals with a clock that is AHEAD_S seconds ahead of everybody else's."""
    [program] = [one for one in site.crm.plan.programs() if one.name == "deals-worker"]
    environment = {
        **program.environment,
        "LD_PRELOAD": str(await asyncio.to_thread(find_faketime)),
        "FAKETIME": f"+{AHEAD_S}s",
        # Timers go by another clock, which no time service sets.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with site.crm.supervisor_frozen(), site.crm.plan.log_file(program.name).open("ab") as log:
        await site.crm.end(program.name)
        process = await asyncio.create_subprocess_exec(*program.arguments, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                async with asyncio.timeout(KILLED_AFTER_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
    await site.crm.wait_ready()
