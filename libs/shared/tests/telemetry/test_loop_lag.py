"""A loop that is held up shows it, in every kind of process."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import REGISTRY

from crm_shared.http.server import serving
from crm_shared.telemetry.health import health_app
from crm_shared.telemetry.loop_lag import watching_loop


def count_late(than_s: str, name: str = "crm_event_loop_lag_seconds") -> float:
    """Count the looks so far that came later than `than_s`, a bucket's bound."""
    every = REGISTRY.get_sample_value(f"{name}_count") or 0
    return every - (REGISTRY.get_sample_value(f"{name}_bucket", {"le": than_s}) or 0)


async def test_a_loop_that_is_held_up_is_seen_to_be_late() -> None:
    before = count_late("0.25")
    async with watching_loop():
        await asyncio.sleep(0.1)
        time.sleep(1.0)  # noqa: ASYNC251 - what the metric is for
        await asyncio.sleep(0.1)
    assert count_late("0.25") > before


async def compute_and_wait() -> tuple[float, float]:
    """Return how many looks a loop was held for while it waited, and then while it computed."""
    held = "crm_event_loop_held_seconds"
    before = count_late("0.25", held)
    async with watching_loop():
        await asyncio.sleep(0.1)
        time.sleep(1.0)  # noqa: ASYNC251 - as long as a busy machine may let it wait
        await asyncio.sleep(0.1)
        waited = count_late("0.25", held)
        computed_until_s = time.thread_time() + 1.0
        while time.thread_time() < computed_until_s:
            pass
        await asyncio.sleep(0.1)
    return waited - before, count_late("0.25", held) - waited


def test_what_the_loop_computes_itself_is_told_from_what_it_waits_for() -> None:
    # By a loop of its own: on that of the other tests, services may be watched and have been at work just now.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, compute_and_wait()).result() == (0, 1)


async def test_workers_and_relays_measure_theirs() -> None:
    before = count_late("0.25")
    async with serving(health_app({}), host="127.0.0.1", port=0):
        await asyncio.sleep(0.1)
        time.sleep(1.0)  # noqa: ASYNC251
        await asyncio.sleep(0.1)
    assert count_late("0.25") > before
