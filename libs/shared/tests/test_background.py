"""A worker's own work goes on after any error, and ends with its block."""

import asyncio
import inspect

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from crm_shared.background import background, repeat
from crm_testing.waiting import wait_until


class Rounds:
    """Work whose first round raises `error`, and whose first `more` rounds say that there is more."""

    def __init__(self, *, error: Exception | None = None, more: int = 0) -> None:
        self._error = error
        self._more = more
        self.count = 0

    async def __call__(self) -> bool:
        self.count += 1
        if self._error is not None and self.count == 1:
            raise self._error
        return self.count <= self._more

    async def reach(self, count: int) -> None:
        async def is_reached() -> bool:
            return self.count >= count

        await wait_until(is_reached)


def count_rounds(work: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("crm_background_rounds_total", {"work": work, "outcome": outcome}) or 0


@pytest.mark.parametrize(
    ("error", "outcome", "level"),
    [
        (ConnectionRefusedError("PostgreSQL is away"), "waits", "warning"),
        (LookupError("named as the world's by the caller"), "waits", "warning"),
        (ZeroDivisionError("a mistake of ours"), "failed", "error"),
    ],
)
async def test_an_error_ends_its_round_alone(error: Exception, outcome: str, level: str) -> None:
    name = f"test_{type(error).__name__}"
    rounds = Rounds(error=error)
    with capture_logs() as logs:
        async with background(repeat(name, rounds, pause_s=0.01, transient_errors=(LookupError,))):
            await rounds.reach(3)

    (line,) = logs
    assert (line["work"], line["log_level"], "exc_info" in line) == (name, level, level == "error")
    assert count_rounds(name, outcome) == 1
    assert count_rounds(name, "done") >= 1


async def test_more_is_done_at_once_and_the_rest_after_the_pause() -> None:
    rounds = Rounds(more=2)
    async with background(repeat("test_more", rounds, pause_s=3600)):
        await rounds.reach(3)
        await asyncio.sleep(0.05)
    assert rounds.count == 3


async def test_the_block_waits_for_what_it_cancels() -> None:
    ended: list[str] = []

    async def tidy_at_the_end(name: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def break_off() -> None:
        async with background(tidy_at_the_end("one"), tidy_at_the_end("two")):
            await asyncio.sleep(0.01)
            raise KeyError

    with pytest.raises(KeyError):
        await break_off()
    assert sorted(ended) == ["one", "two"]


async def test_work_that_ends_by_an_error_says_so_and_leaves_the_others() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    rounds = Rounds()
    with capture_logs() as logs:
        async with background(fail(), repeat("test_others", rounds, pause_s=0.01)):
            await rounds.reach(3)
    assert [line["event"] for line in logs] == ["background_work_ended"]


async def test_a_block_that_ends_at_once_leaves_no_work_that_nobody_awaits() -> None:
    rounds = Rounds()
    work = repeat("test_at_once", rounds, pause_s=0.01)
    async with background(work):
        pass
    assert rounds.count == 0
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED
