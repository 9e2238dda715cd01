"""The running suite, one for all tests that act from outside."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from crm_local.testing.running import RunningCrm, find_port_base
from crm_local.testing.tenant import Tenant


@pytest.fixture(scope="session")
async def crm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningCrm]:
    """Start everything once a session: engines, migrations, thirteen processes."""
    running = RunningCrm(tmp_path_factory.mktemp("suite"), find_port_base())
    try:
        await asyncio.to_thread(running.start)
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def tenant(crm: RunningCrm) -> Tenant:
    """Give a tenant of the test's own."""
    return await crm.new_tenant()
