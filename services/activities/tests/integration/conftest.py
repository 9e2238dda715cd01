"""The activities service in this process, a tenant for each test, and a stand-in for the services it asks."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from crm_activities.app import make_app
from crm_activities.settings import ActivitiesSettings
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"


@pytest.fixture(scope="session")
def others() -> OwnerStandIn:
    return OwnerStandIn()


@pytest.fixture(scope="session")
async def service(postgres_admin_dsn: str, others: OwnerStandIn) -> AsyncIterator[ServiceKit[ActivitiesSettings]]:
    make = partial(make_app, transport=others.transport)
    async with running_service(ActivitiesSettings, make, MIGRATIONS, admin_dsn=postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture
def owner(others: OwnerStandIn) -> Iterator[OwnerStandIn]:
    """Yield the stand-in, with nothing asked of it yet; it is there again for the tests that follow."""
    others.asked.clear()
    yield others
    others.status = 200


@pytest.fixture
async def tenant(service: ServiceKit[ActivitiesSettings]) -> SeededTenant:
    return await service.seed_tenant()


@pytest.fixture
def rep(service: ServiceKit[ActivitiesSettings], tenant: SeededTenant) -> httpx.AsyncClient:
    """Return a client that calls as the tenant's REP."""
    return service.client(tenant.rep)
