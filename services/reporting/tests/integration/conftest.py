"""The reporting service on a database of its own, and a tenant with its pipeline for each test."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from services.reporting.tests.integration.mail_stories import Mailbox
from services.reporting.tests.integration.rebuild_kit import PublishedService

from crm_reporting.app import make_app
from crm_reporting.consumers import keep_pipelines
from crm_reporting.settings import ReportingSettings
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"


@pytest.fixture(scope="session")
def users_elsewhere() -> dict[str, dict[str, Any]]:
    """Give, by path, the users of whom contacts would tell when it is asked; others it does not know."""
    return {}


@pytest.fixture(scope="session")
async def reporting(
    postgres_admin_dsn: str, users_elsewhere: dict[str, dict[str, Any]]
) -> AsyncIterator[ServiceKit[ReportingSettings]]:
    async def answer(request: httpx.Request) -> httpx.Response:
        user = users_elsewhere.get(request.url.path)
        return httpx.Response(404, json={}) if user is None else httpx.Response(200, json=user)

    make = partial(make_app, transport=httpx.MockTransport(answer))
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
    make = partial(make_app, transport=httpx.MockTransport(lambda _request: httpx.Response(404, json={})))
    async with running_service(
        ReportingSettings, make, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap=kafka_bootstrap
    ) as kit:
        yield await PublishedService.make(kit, kafka_bootstrap)
