"""The reporting service on a database of its own, and a tenant with its pipeline for each test."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from services.reporting.tests.integration.mail_stories import Mailbox
from services.reporting.tests.integration.rebuild_kit import PublishedService

from crm_reporting.app import make_app
from crm_reporting.consumers import keep_pipelines
from crm_reporting.settings import ReportingSettings
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"


@pytest.fixture(scope="session")
def owners() -> OwnerStandIn:
    """Return who is asked of users that this service has not heard of; those that a test shows it knows."""
    return OwnerStandIn()


@pytest.fixture(scope="session")
async def reporting(postgres_admin_dsn: str, owners: OwnerStandIn) -> AsyncIterator[ServiceKit[ReportingSettings]]:
    make = partial(make_app, transport=owners.transport)
    async with running_service(
        ReportingSettings, make, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        yield kit


@pytest.fixture
async def tenant(reporting: ServiceKit[ReportingSettings]) -> SeededTenant:
    return await reporting.seed_tenant()


@pytest.fixture
async def pipeline(reporting: ServiceKit[ReportingSettings], tenant: SeededTenant) -> PublishedPipeline:
    """Tell this service of the tenant's default pipeline."""
    published = PublishedPipeline.sales(tenant.id)
    await keep_pipelines([published.publish()], reporting.database)
    return published


@pytest.fixture
async def mailbox(reporting: ServiceKit[ReportingSettings], tenant: SeededTenant) -> Mailbox:
    return Mailbox(reporting, tenant)


@pytest.fixture
async def service(postgres_admin_dsn: str, kafka_bootstrap: str) -> AsyncIterator[PublishedService]:
    """Yield a service of the test's own: a rebuild is over all tenants of a database."""
    make = partial(make_app, transport=OwnerStandIn().transport)
    async with running_service(
        ReportingSettings, make, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap=kafka_bootstrap
    ) as kit:
        yield await PublishedService.make(kit, kafka_bootstrap)
