"""Runs a drill: calm first, then the fault for two minutes, then calm again. Sees who was woken meanwhile."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from drills.catalogue import Drill
from drills.site import Site
from drills.store_faults import CannotBeDone

LOOK_EVERY_S: Final = 1.0
WITHIN_S: Final = 120.0
CALM_WITHIN_S: Final = 300.0
CLEARS_WITHIN_S: Final = 300.0
CLEARS_LATE_WITHIN_S: Final = 900.0
AFTERMATH_S: Final = 150.0
"""A budget's page waits for two minutes: what the last drill burns is seen as well."""


@dataclass(slots=True)
class Result:
    """Seconds from the fault on, and of `clears_s` from its end on; None for what did not happen in time.

    `others` woke somebody beside the alert; `held_back` are pages that fired and that nobody was told of.
    """

    drill: Drill
    fires_s: float | None = None
    notified_s: float | None = None
    clears_s: float | None = None
    others: set[str] = field(default_factory=set)
    held_back: set[str] = field(default_factory=set)
    trouble: str | None = None

    began_s: float = 0.0

    @property
    def is_good(self) -> bool:
        in_time = all(seconds is not None and seconds <= WITHIN_S for seconds in (self.fires_s, self.notified_s))
        return self.trouble is None and in_time and self.clears_s is not None and not self.others


async def run(site: Site, drills: Sequence[Drill], report: Callable[[Result], None]) -> list[Result]:
    """Run one after the other; each is reported when its alert has cleared."""
    results: list[Result] = []
    async with asyncio.TaskGroup() as clearing:
        for drill in drills:
            results.append(result := Result(drill))
            ended_s = await _hold(site, result)
            if ended_s is None:
                report(result)
            elif drill.clears_late:
                clearing.create_task(_see_it_clear(site, result, ended_s, report))
            else:
                await _see_it_clear(site, result, ended_s, report)
        await asyncio.sleep(AFTERMATH_S)
    # A page that comes between two is the former's.
    for result, next_one in zip_longest(results, results[1:]):
        until_s = next_one.began_s if next_one is not None else math.inf
        woken = site.pager.pages(since_s=result.began_s, until_s=until_s)
        result.others = woken - {result.drill.alert}
        result.held_back -= result.others
    return results


async def _hold(site: Site, result: Result) -> float | None:
    """Keep the fault up for WITHIN_S; return when its end began, None if there was none to inject."""
    drill = result.drill
    if not await _wait(lambda: _is_calm(site, drill), CALM_WITHIN_S):
        pages = sorted({one.alert for one in await site.prometheus.firing() if one.severity == "page"})
        result.trouble = f"it was not calm before: {', '.join(pages) or drill.alert}"
    result.began_s = time.monotonic()
    if result.trouble is not None:
        return None
    try:
        async with following(site, result), drill.inject(site):
            await asyncio.sleep(max(0.0, WITHIN_S - (time.monotonic() - result.began_s)))
            return time.monotonic()
    except CannotBeDone as error:
        result.trouble = str(error)
        return None


@asynccontextmanager
async def following(site: Site, result: Result) -> AsyncIterator[None]:
    """Note while in the block when the alert fires, when somebody is told, and which pages fire beside it."""
    follow = asyncio.create_task(_follow(site, result))
    try:
        yield
    finally:
        follow.cancel()
        with suppress(asyncio.CancelledError):
            await follow


async def _follow(site: Site, result: Result) -> None:
    alert, began_s = result.drill.alert, result.began_s
    while True:
        await _note(site, result)
        if result.fires_s is None and await _fires(site, result.drill):
            result.fires_s = time.monotonic() - began_s
        if result.notified_s is None and (notified_at_s := site.pager.first(alert, since_s=began_s)) is not None:
            result.notified_s = notified_at_s - began_s
        await asyncio.sleep(LOOK_EVERY_S)


async def _note(site: Site, result: Result) -> None:
    pages = {one.alert for one in await site.prometheus.firing() if one.severity == "page"}
    result.held_back |= pages - {result.drill.alert}


async def _see_it_clear(site: Site, result: Result, ended_s: float, report: Callable[[Result], None]) -> None:
    async def has_cleared() -> bool:
        return not await _fires(site, result.drill)

    if await _wait(has_cleared, CLEARS_LATE_WITHIN_S if result.drill.clears_late else CLEARS_WITHIN_S):
        result.clears_s = time.monotonic() - ended_s
    if not result.drill.clears_late:  # else others' pages have come meanwhile
        result.others |= site.pager.pages(since_s=result.began_s) - {result.drill.alert}
    report(result)


async def _fires(site: Site, drill: Drill) -> bool:
    return any(one.alert == drill.alert for one in await site.prometheus.firing())


async def _is_calm(site: Site, drill: Drill) -> bool:
    """Return whether nobody would be woken, and this alert does not fire already."""
    return not any(one.severity == "page" or one.alert == drill.alert for one in await site.prometheus.firing())


async def _wait(is_so: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    """Return whether it was so in time."""
    give_up_at_s = time.monotonic() + within_s
    while not await is_so():
        if time.monotonic() > give_up_at_s:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True
