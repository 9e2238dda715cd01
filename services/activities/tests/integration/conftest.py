"""The activities service in this process, a tenant for each test, and a stand-in for the services it asks."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from crm_activities.app import make_app
from crm_activities.settings import ActivitiesSettings
from crm_testing.owners import OwnerStandIn, standing_in
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"


@pytest.fixture(scope="session")
async def owner_process() -> AsyncIterator[OwnerStandIn]:
    async with standing_in() as owner:
        yield owner


@pytest.fixture(scope="session")
async def service(
    postgres_admin_dsn: str, owner_process: OwnerStandIn
) -> AsyncIterator[ServiceKit[ActivitiesSettings]]:
    urls = {"contacts_url": owner_process.url, "deals_url": owner_process.url}
    async with running_service(ActivitiesSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, **urls) as kit:
        yield kit


@pytest.fixture
def owner(owner_process: OwnerStandIn) -> Iterator[OwnerStandIn]:
    """Yield the stand-in, with nothing asked of it yet; it is there again for the tests that follow."""
    owner_process.asked.clear()
    yield owner_process
    owner_process.is_away = False


@pytest.fixture
async def tenant(service: ServiceKit[ActivitiesSettings]) -> SeededTenant:
    return await service.seed_tenant()


@pytest.fixture
def rep(service: ServiceKit[ActivitiesSettings], tenant: SeededTenant) -> httpx.AsyncClient:
    """Return a client that calls as the tenant's REP."""
    return service.client(tenant.rep)
