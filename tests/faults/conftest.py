"""What holds after every fault: no process held its own event loop up meanwhile."""

from collections.abc import AsyncIterator

import pytest

from crm_testing.suite.event_loops import list_held_up
from crm_testing.suite.running import RunningCrm


@pytest.fixture(autouse=True)
async def loops_that_turn(crm: RunningCrm) -> AsyncIterator[None]:
    """Look after each test, as a process that is killed takes what it measured with it."""
    yield
    await crm.wait_ready()
    assert list_held_up(await crm.read_metrics()) == []
