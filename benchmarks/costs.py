"""What a change costs in CPU, process by process, and what a record takes on disk: what sizes are reckoned from.

CPU seconds are counted, not clock seconds: figures are much the same on a machine that others use as well. What the
suite spends at rest is measured first, told, and left out of what each change costs.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.arena import Row
from crm_shared.service_registry import SERVICES
from crm_testing.suite.running import RunningCrm, find_port_base
from crm_testing.suite.tenant import User

Item = TypeVar("Item")

MOVES, ACTIVITIES = 2_000, 20_000
REST_S = 30.0
LEAST: Final = 10  # µs or bytes: what is below it is noise
BATCH: Final = 500
CALLERS: Final = 8
DEALS: Final = 20
NOTE: Final = 3 * "The customer wants the offer in two parts, one for the engine and one for its upkeep, by May. "


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        crm = RunningCrm(Path(folder), find_port_base())
        try:
            await asyncio.to_thread(crm.start)
            return await measure(crm, (await crm.new_tenant()).admin)
        finally:
            await crm.stop()


async def measure(
    crm: RunningCrm, user: User, *, moves: int = MOVES, activities: int = ACTIVITIES, rest_s: float = REST_S
) -> list[Row]:
    """Move deals one by one and log activities in batches; give CPU by process and disk by database for each."""
    stages = await user.stages()
    names = ("Discovery", "Proposal")
    bodies = [{"name": f"Cost {number}", "amount": "10.00"} for number in range(DEALS)]
    deals = [(await user.post_surely("deals", "/v1/deals", body))["id"] for body in bodies]
    await crm.drain()

    async def move(deal: str) -> None:
        for number in range(moves // DEALS):
            await user.post_surely("deals", f"/v1/deals/{deal}/move", {"stage_id": stages[names[number % 2]]})

    async def log(numbers: range) -> None:
        items = [{"type": "NOTE", "subject": f"Call {n}", "body": NOTE, "deal_id": deals[n % DEALS]} for n in numbers]
        await user.post_surely("activities", "/v1/activities/batch", {"mode": "create", "items": items})

    at_rest = await _rest(crm, rest_s)
    moved = await _cost(crm, at_rest, "move of a deal", moves, lambda: _in_turns(move, deals, CALLERS))
    batches = [range(first, min(first + BATCH, activities)) for first in range(0, activities, BATCH)]
    logged = await _cost(crm, at_rest, "activity in a batch", activities, lambda: _in_turns(log, batches, CALLERS))
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in at_rest.items())
    return [Row(f"at rest: {100 * sum(at_rest.values()):.0f} % of a core", shares, ""), *moved, *logged]


async def _rest(crm: RunningCrm, rest_s: float) -> dict[str, float]:
    """Do nothing for so long; give which share of a core each process takes meanwhile."""
    before, began_s = await _read_cpu_s(crm), time.monotonic()
    await asyncio.sleep(rest_s)
    after, lasted_s = await _read_cpu_s(crm), time.monotonic() - began_s
    return {name: (after[name] - before[name]) / lasted_s for name in after}


async def _cost(
    crm: RunningCrm, at_rest: dict[str, float], what: str, count: int, work: Callable[[], Awaitable[None]]
) -> list[Row]:
    """Do the work and wait until all has arrived; give what each of `count` has cost."""
    disk_before, cpu_before, began_s = await _read_disk(crm), await _read_cpu_s(crm), time.monotonic()
    await work()
    await crm.drain()
    cpu, lasted_s, disk = await _read_cpu_s(crm), time.monotonic() - began_s, await _read_disk(crm)
    costs = {name: (cpu[name] - cpu_before[name] - at_rest[name] * lasted_s) / count * 1e6 for name in cpu}
    kept = {name: (disk[name] - disk_before[name]) / count for name in disk}
    total = f"{sum(costs.values()):,.0f} µs of CPU, {sum(kept.values()):,.0f} bytes"
    rows = [Row(f"{what}, all together", total, "")]
    rows += [Row(f"{what}: CPU of {name}", f"{cost:,.0f} µs", "") for name, cost in costs.items() if cost >= LEAST]
    rows += [Row(f"{what}: disk of {name}", f"{size:,.0f} bytes", "") for name, size in kept.items() if size >= LEAST]
    return rows


async def _read_cpu_s(crm: RunningCrm) -> dict[str, float]:
    pages = await crm.read_metrics()
    found = {name: _read_sample(page, "process_cpu_seconds_total") for name, page in sorted(pages.items())}
    engines = {name: pid for name, pid in crm.pids().items() if name not in pages}
    return found | {name: _tree_cpu_s(pid) for name, pid in sorted(engines.items())}


def _read_sample(page: str, wanted: str) -> float:
    return next(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == wanted
    )


def _tree_cpu_s(pid: int) -> float:
    """Count a process with its children, those that have ended too."""
    parent = psutil.Process(pid)
    ended = parent.cpu_times()
    spent = ended.user + ended.system + ended.children_user + ended.children_system
    for child in parent.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            spent += times.user + times.system
    return spent


async def _read_disk(crm: RunningCrm) -> dict[str, float]:
    """Return the size of each database without its WAL, of Kafka's logs, and of the index."""
    sizes: dict[str, float] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(crm.plan.dsn(service, "owner"))
        try:
            sizes[f"{service}'s PostgreSQL"] = await connection.fetchval("SELECT pg_database_size(current_database())")
        finally:
            await connection.close()
    logs = crm.plan.kafka.home.rglob("crm.*/*.log")
    sizes["Kafka, one copy"] = sum(log.stat().st_blocks * 512 for log in logs)
    async with httpx.AsyncClient(base_url=crm.plan.elasticsearch.url) as client:
        stats = (await client.get("/crm-search/_stats/store")).json()
    sizes["Elasticsearch, one copy"] = stats["_all"]["primaries"]["store"]["size_in_bytes"]
    return sizes


async def _in_turns(act: Callable[[Item], Awaitable[None]], items: Iterable[Item], at_once: int) -> None:
    """Call `act` for each item, for so many at once, in order."""
    left = iter(items)

    async def take() -> None:
        for item in left:
            await act(item)

    await asyncio.gather(*(take() for _ in range(at_once)))
