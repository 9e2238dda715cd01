"""A little steady traffic: what makes an outage felt, and budgets burn."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from itertools import count, cycle
from typing import Any, Final

import httpx

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import User

WRITE_EVERY_S: Final = 1.0
READ_EVERY_S: Final = 0.5
MOVES_A_DEAL: Final = 100


async def _write(user: User, stages: list[str], number: int, deal_ids: list[str]) -> None:
    """Make a deal or move the last one, and write something in each of the services that publish."""
    if number % MOVES_A_DEAL == 0 or not deal_ids:
        deal = await user.post("deals", "/v1/deals", {"name": f"Steady {number}", "amount": "10.00"})
        deal_ids.append(deal["id"])
    await user.post("deals", f"/v1/deals/{deal_ids[-1]}/move", {"stage_id": stages[number % 3]})
    await user.post("activities", "/v1/activities", {"type": "NOTE", "deal_id": deal_ids[-1], "body": f"No. {number}"})
    await user.post("contacts", "/v1/contacts", {"first_name": f"Number {number}"})


async def _until_cancelled(act: Callable[[int], Coroutine[Any, Any, object]], every_s: float) -> None:
    for number in count():
        begin_s = asyncio.get_running_loop().time()
        # A fault is felt as one: what tells of it are the suite's own metrics.
        with suppress(httpx.TransportError, AssertionError):
            await act(number)
        await asyncio.sleep(max(0.0, every_s - (asyncio.get_running_loop().time() - begin_s)))


@asynccontextmanager
async def steady_traffic(crm: RunningCrm) -> AsyncIterator[User]:
    """Write once a second and read twice while in the block; yields whose traffic it is."""
    user = (await crm.new_tenant("Steady")).admin
    stages = list((await user.stages()).values())
    deal_ids: list[str] = []
    reads = cycle(
        [
            ("deals", "/v1/deals?limit=5"),
            ("search", "/v1/search?q=steady"),
            ("reporting", "/v1/reports/pipeline"),
            ("contacts", "/v1/contacts?limit=5"),
            ("activities", "/v1/activities?limit=5"),
        ]
    )

    async def read(_number: int) -> None:
        service, path = next(reads)
        await user.call(service, "GET", path)

    async def write(number: int) -> None:
        await _write(user, stages, number, deal_ids)

    works = [asyncio.create_task(_until_cancelled(*one)) for one in ((write, WRITE_EVERY_S), (read, READ_EVERY_S))]
    try:
        yield user
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
