"""Move to visible: from the call that moves a deal to the moment each of the three other services shows it.

And from the call that logs or ends a task to the moment the lists of deals by next step are right. With the relays and,
beside it, with Debezium: the suite is started anew for that, its data stay.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import httpx

from benchmarks.arena import Row
from benchmarks.load import percentile
from crm_testing.suite.running import RunningCrm, find_port_base
from crm_testing.suite.tenant import User

MOVES = 60
WHAT = {"timeline": "move", "search": "move", "report": "move", "next_step": "task logged or ended"}
STEPS = ("none", "overdue", "planned")


async def run() -> list[Row]:
    """Start the whole suite, move one deal MOVES times, ask the three places in turn until they know."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        crm = RunningCrm(Path(folder), find_port_base())
        try:
            await asyncio.to_thread(crm.start)
            by_relay = await measure((await crm.new_tenant()).admin)
            await asyncio.to_thread(crm.start_anew, "--cdc")
            by_debezium = await measure((await crm.new_tenant()).admin)
        finally:
            await crm.stop()
    return [
        Row(f"{WHAT[place]} to visible in {place}", by_relay[place], f"Debezium: {by_debezium[place]}")
        for place in by_relay
    ]


async def measure(user: User, *, moves: int = MOVES) -> dict[str, str]:
    """Move one deal `moves` times, polling every 5 ms, and sum up by place; the first five are not counted."""
    stages = await user.stages()
    deal_id = (await user.post("deals", "/v1/deals", {"name": "Arrival", "amount": "1.00"}))["id"]
    await _until(lambda: _is_reported(user), time.perf_counter())  # a new tenant's pipeline has its own way to go first
    seen_ms: dict[str, list[float]] = {"timeline": [], "search": [], "report": []}
    names = ["Discovery", "Proposal"]
    for number in range(moves):
        target = names[number % 2]
        began_s = time.perf_counter()
        await user.post("deals", f"/v1/deals/{deal_id}/move", {"stage_id": stages[target]})
        checks = {
            "timeline": lambda number=number: _is_noted(user, deal_id, number + 1),
            "search": lambda target=target: _is_found(user, target),
            "report": lambda target=target: _is_counted(user, target),
        }
        arrivals = await asyncio.gather(*(_until(check, began_s) for check in checks.values()))
        for place, arrived_ms in zip(checks, arrivals, strict=True):
            seen_ms[place].append(arrived_ms)
    seen_ms["next_step"] = await _measure_next_steps(user, deal_id, changes=moves)
    return {place: _sum_up(sorted(taken[5:])) for place, taken in seen_ms.items()}


async def _measure_next_steps(user: User, deal_id: str, *, changes: int) -> list[float]:
    """Plan a task for the deal and end it, over and over; look when the deal is on its own list, and on no other."""
    taken_ms: list[float] = []
    task: dict[str, str] = {"type": "TASK", "deal_id": deal_id, "subject": "Call"}
    for number in range(changes):
        began_s = time.perf_counter()
        if number % 2 == 0:
            task_id = (await user.post("activities", "/v1/activities", task))["id"]
        else:
            (await user.call("activities", "POST", f"/v1/activities/{task_id}/complete")).raise_for_status()
        wanted = {step: [deal_id] if step == ("none" if number % 2 else "planned") else [] for step in STEPS}
        taken_ms.append(await _until(partial(_is_listed, user, wanted), began_s))
    return taken_ms


def _sum_up(ordered_ms: list[float]) -> str:
    return f"p50 {percentile(ordered_ms, 0.5):.0f} ms, p99 {percentile(ordered_ms, 0.99):.0f} ms"


async def _until(check: Callable[[], Awaitable[bool]], began_s: float) -> float:
    while not await check():
        if time.perf_counter() - began_s > 30:
            raise TimeoutError("a move was not seen within 30 s")
        await asyncio.sleep(0.005)
    return (time.perf_counter() - began_s) * 1000


async def _is_noted(user: User, deal_id: str, count: int) -> bool:
    return len(await user.timeline(deal_id)) == count


async def _is_found(user: User, target: str) -> bool:
    items = (await user.get("search", "/v1/search", q="arrival", type="deal"))["items"]
    return bool(items) and items[0]["record"]["stage_name"] == target


async def _is_listed(user: User, wanted: dict[str, list[str]]) -> bool:
    listed = {step: (await user.get("deals", "/v1/deals", next_step=step))["items"] for step in wanted}
    return {step: [deal["id"] for deal in deals] for step, deals in listed.items()} == wanted


async def _is_reported(user: User) -> bool:
    return (await user.call("reporting", "GET", "/v1/reports/pipeline")).status_code == httpx.codes.OK


async def _is_counted(user: User, target: str) -> bool:
    return target in await user.report()
