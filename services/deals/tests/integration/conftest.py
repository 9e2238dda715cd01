"""The deals service in this process on real PostgreSQL, and a tenant of its own for each test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from services.deals.tests.integration.kits import running_deals
from services.deals.tests.integration.sales import ContactsStandIn, Sales, open_sales
from services.deals.tests.integration.webhook_kit import Erp, open_erp

from crm_deals.settings import DealsSettings
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit
from crm_testing.webhook_receiver import Receiver, receiving


@pytest.fixture(scope="session")
def contacts() -> ContactsStandIn:
    return ContactsStandIn()


@pytest.fixture(scope="session")
async def deals(postgres_admin_dsn: str, contacts: ContactsStandIn) -> AsyncIterator[ServiceKit[DealsSettings]]:
    async with running_deals(postgres_admin_dsn, contacts) as kit:
        yield kit


@pytest.fixture
async def tenant(deals: ServiceKit[DealsSettings]) -> SeededTenant:
    return await deals.seed_tenant()


@pytest.fixture
async def sales(deals: ServiceKit[DealsSettings], tenant: SeededTenant, contacts: ContactsStandIn) -> Sales:
    return await open_sales(deals, tenant, contacts)


@pytest.fixture
async def elsewhere(deals: ServiceKit[DealsSettings], contacts: ContactsStandIn) -> Sales:
    """Another tenant, at work in the same database."""
    return await open_sales(deals, await deals.seed_tenant(), contacts)


@pytest.fixture(scope="session")
async def steady(deals: ServiceKit[DealsSettings], contacts: ContactsStandIn) -> Sales:
    """Return a tenant for tests of what is refused: nothing they do may change it."""
    return await open_sales(deals, await deals.seed_tenant(), contacts)


@pytest.fixture(scope="session")
async def steady_deal(steady: Sales) -> dict[str, Any]:
    return await steady.create()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as server:
        yield server


@pytest.fixture
async def erp(sales: Sales, receiver: Receiver) -> Erp:
    return await open_erp(sales, receiver, "crm.deal.created", "crm.deal.stage_changed", "crm.deal.won")
