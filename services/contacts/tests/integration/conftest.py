"""The contacts service on a database of its own, and a tenant with its people for each test."""

from collections.abc import AsyncIterator

import pytest
from services.contacts.tests.integration.duplicates_kit import Dedup
from services.contacts.tests.integration.kits import running_contacts

from crm_contacts.settings import ContactsSettings
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit


@pytest.fixture(scope="session")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ContactsSettings]]:
    async with running_contacts(postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture
async def tenant(contacts: ServiceKit[ContactsSettings]) -> SeededTenant:
    return await contacts.seed_tenant()


@pytest.fixture
async def neighbour(contacts: ServiceKit[ContactsSettings]) -> SeededTenant:
    """Another tenant, which must see and meet nothing of the first."""
    return await contacts.seed_tenant()


@pytest.fixture
async def dedup(contacts: ServiceKit[ContactsSettings], tenant: SeededTenant) -> Dedup:
    """One whose tenant decides by itself."""
    made = Dedup(contacts, tenant, [])
    await made.set_auto_merge(on=False)
    return made
