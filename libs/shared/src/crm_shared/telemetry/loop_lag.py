"""How late the event loop comes to what is due: the one metric that shows a handler that holds up all others.

A late loop need not be its own doing: on a busy machine the kernel lets it wait. So a second one tells how much of the
delay the loop's thread spent computing, which no other process can lengthen. What it does not see is a call that
blocks without computing; the first one does.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Never

from prometheus_client import Histogram

BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LOOP_LAG_S: Final = Histogram(
    "crm_event_loop_lag_seconds",
    "Seconds by which the event loop was late, looked at 4 times a second; probes and heartbeats waited as long",
    buckets=BUCKETS_S,
)
LOOP_HELD_S: Final = Histogram(
    "crm_event_loop_held_seconds",
    "How much of each such delay the loop's own thread was computing: what it held itself up by",
    buckets=BUCKETS_S,
)
PAUSE_S: Final = 0.25  # what matters is held for a second; each look wakes an idle process


async def _watch() -> Never:
    loop = asyncio.get_running_loop()
    while True:
        due_s, computed_s = loop.time() + PAUSE_S, time.thread_time()
        await asyncio.sleep(PAUSE_S)
        lag_s = max(0.0, loop.time() - due_s)
        LOOP_LAG_S.observe(lag_s)
        LOOP_HELD_S.observe(min(lag_s, time.thread_time() - computed_s))


@asynccontextmanager
async def watching_loop() -> AsyncIterator[None]:
    """Measure the running loop's lag while in the block. Every API, worker and relay does, in one place each."""
    watch = asyncio.create_task(_watch())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
