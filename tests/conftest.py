"""The running suite, one for all tests that act from outside."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from crm_local.testing.running import RunningCrm, find_port_base
from crm_local.testing.tenant import Tenant

BESIDE_OTHER_TESTS: Final = {
    # Three relays that look 66 times a second would take a fifth of a core from whatever is tested beside them.
    "CRM_RELAY_POLL_S": "0.1",
    # A machine that tests much at once is slow, not away: what is away refuses connections, and is noticed at once.
    "CRM_ELASTICSEARCH_TIMEOUT_S": "60",
    "CRM_UPSTREAM_TIMEOUT_S": "20",
}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep what acts on the one running suite in one process."""
    if "crm" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.xdist_group("suite"))


@pytest.fixture(scope="session")
async def crm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningCrm]:
    """Start everything once a session: engines, migrations, thirteen processes."""
    running = RunningCrm(tmp_path_factory.mktemp("suite"), find_port_base(), BESIDE_OTHER_TESTS)
    try:
        await asyncio.to_thread(running.start)
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def tenant(crm: RunningCrm) -> Tenant:
    """Give a tenant of the test's own."""
    return await crm.new_tenant()
