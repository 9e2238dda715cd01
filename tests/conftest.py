"""The running suite, one for all tests that act from outside."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Final

import pytest

from crm_testing.suite.running import RunningCrm, find_port_base
from crm_testing.suite.tenant import Tenant
from crm_testing.trace_collector import TraceCollector, collecting

RUNNING: Final = pytest.StashKey[RunningCrm]()
LEFT: Final = pytest.StashKey[int]()
"""How many tests of this process are still to act on the suite."""

BESIDE_OTHER_TESTS: Final = {
    # A machine that tests much at once is slow, not away: what is away refuses connections, and is noticed at once.
    "CRM_ELASTICSEARCH_TIMEOUT_S": "60",
    "CRM_UPSTREAM_TIMEOUT_S": "20",
    # Recorded is what a caller asks for: a test of traces sends a sampled traceparent, the others send none.
    "OTEL_TRACES_SAMPLER": "parentbased_always_off",
}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep what acts on the one running suite in one process, where its tests come one after the other."""
    if _acts_on_suite(item):
        item.add_marker(pytest.mark.xdist_group("suite"))


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[LEFT] = sum(map(_acts_on_suite, session.items))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """End the suite behind the last that acts on it: idle, it takes a sixth of a core from the tests that follow.

    They are counted, whatever order they come in: --failed-first and --new-first set others between them.
    """
    if _acts_on_suite(item):
        item.config.stash[LEFT] -= 1
    yield
    if item.config.stash[LEFT] == 0 and RUNNING in item.config.stash:
        item.config.stash[RUNNING].reset()


def _acts_on_suite(item: pytest.Item) -> bool:
    return "crm" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def collector() -> Iterator[TraceCollector]:
    """Yield the collector that the suite sends its spans to."""
    with collecting() as found:
        yield found


@pytest.fixture(scope="session")
async def crm(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, collector: TraceCollector
) -> AsyncIterator[RunningCrm]:
    """Start everything once a session: engines, migrations, thirteen processes."""
    variables = BESIDE_OTHER_TESTS | collector.environment
    running = RunningCrm(tmp_path_factory.mktemp("suite"), find_port_base(), variables)
    try:
        await asyncio.to_thread(running.start)
        pytestconfig.stash[RUNNING] = running
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def tenant(crm: RunningCrm) -> Tenant:
    """Return a tenant of the test's own."""
    return await crm.new_tenant()
