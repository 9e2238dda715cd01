"""A small service on a database of its own, for what must be seen to work on real PostgreSQL; a collector of spans."""

from collections.abc import AsyncIterator, Iterator

import pytest
from libs.shared.tests.http.things import MIGRATIONS, ThingsSettings, make_app

from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.trace_collector import TraceCollector, collecting


@pytest.fixture(scope="session")
async def things(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ThingsSettings]]:
    async with running_service(ThingsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture
async def tenant(things: ServiceKit[ThingsSettings]) -> SeededTenant:
    return await things.seed_tenant()


@pytest.fixture
def collector() -> Iterator[TraceCollector]:
    with collecting() as found:
        yield found
