"""SIGKILL of a relay, worker or API between any two steps: nothing is lost, no effect comes twice."""

import asyncio
import random

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant, User, eventually

pytestmark = [pytest.mark.engines, pytest.mark.faults]

VICTIMS = [
    "deals-relay",
    "activities-worker",
    "deals-api",
    "search-worker",
    "reporting-worker",
    "activities-relay",
    "contacts-relay",
    "deals-worker",
]
DEALS, MOVES, ROUNDS = 20, 8, 2


async def _work(user: User, stages: dict[str, str], number: int) -> tuple[str, list[str]]:
    """Create a deal and move it about; give its id and the notes that there must be, newest first."""
    dice = random.Random(number)  # noqa: S311 - a repeatable course, no secret
    created = await user.post_surely("deals", "/v1/deals", {"name": f"Kill {number}", "amount": f"{number + 1}.00"})
    present = "Qualification"
    notes: list[str] = []
    for _ in range(MOVES):
        target = dice.choice([name for name in stages if name != present])
        await user.post_surely("deals", f"/v1/deals/{created['id']}/move", {"stage_id": stages[target]})
        notes.insert(0, f"Deal moved from {present} to {target}")
        present = target
        await asyncio.sleep(dice.random())
    return created["id"], notes


async def _kill_about(crm: RunningCrm, stop: asyncio.Event) -> int:
    """Kill one after the other, each only once it has come back: a process that never runs shows nothing.

    Ends after ROUNDS too: where processes take long to start, work among ever more kills would never be done.
    """
    dice, kills = random.Random(7), 0  # noqa: S311
    while not stop.is_set() and kills < ROUNDS * len(VICTIMS):
        victim = VICTIMS[kills % len(VICTIMS)]
        await crm.wait_ready(victim)
        crm.kill(victim)
        kills += 1
        await asyncio.sleep(0.3 + dice.random())
    return kills


async def test_killing_processes_at_random_loses_nothing_and_repeats_nothing(crm: RunningCrm, tenant: Tenant) -> None:
    stages = await tenant.admin.stages()
    stop = asyncio.Event()
    killing = asyncio.create_task(_kill_about(crm, stop))
    worked = await asyncio.gather(*(_work(tenant.admin, stages, number) for number in range(DEALS)))
    stop.set()
    assert await killing >= len(VICTIMS)

    await crm.wait_ready()
    await crm.drain()

    for deal_id, notes in worked:
        assert await tenant.admin.timeline(deal_id) == notes
        history = await tenant.admin.get("deals", f"/v1/deals/{deal_id}/history", limit=200)
        assert len(history["items"]) == MOVES + 1
    board = await tenant.admin.board()
    assert await tenant.admin.report() == board
    assert sum(count for count, _ in board.values()) == DEALS
    await eventually(lambda: _stages_in_search(tenant.admin), await _stages_in_list(tenant.admin))


async def _stages_in_list(user: User) -> dict[str, str]:
    names = {stage_id: name for name, stage_id in (await user.stages()).items()}
    page = await user.get("deals", "/v1/deals", limit=200)
    return {deal["id"]: names[deal["stage_id"]] for deal in page["items"]}


async def _stages_in_search(user: User) -> dict[str, str]:
    page = await user.get("search", "/v1/search", q="kill", type="deal", limit=200)
    return {item["id"]: item["record"]["stage_name"] for item in page["items"]}
