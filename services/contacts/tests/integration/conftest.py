"""The contacts service on a database of its own, and a tenant with its people for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from services.contacts.tests.integration.duplicates_kit import Dedup

from crm_contacts.app import make_app
from crm_contacts.settings import ContactsSettings
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit, running_service

NEVER_WAITS = 1_000_000_000
"""No relay empties the outbox beside these tests: an import that waited for one would wait for ever."""

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"


@pytest.fixture(scope="session")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ContactsSettings]]:
    async with running_service(
        ContactsSettings,
        make_app,
        MIGRATIONS,
        admin_dsn=postgres_admin_dsn,
        import_outbox_rows=NEVER_WAITS,
    ) as kit:
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
