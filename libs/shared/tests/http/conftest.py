"""Callers of the small service."""

import httpx
import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit


@pytest.fixture
def rep(things: ServiceKit[ThingsSettings], tenant: SeededTenant) -> httpx.AsyncClient:
    return things.client(tenant.rep)


@pytest.fixture
def admin(things: ServiceKit[ThingsSettings], tenant: SeededTenant) -> httpx.AsyncClient:
    return things.client(tenant.admin)
