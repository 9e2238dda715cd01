"""The present state of every tenant, user, company and contact, deleted ones included, for `republish`."""

from collections.abc import AsyncIterator

from crm_contacts.companies import events as company_events
from crm_contacts.companies.repository import COMPANY_COLUMNS, to_company
from crm_contacts.contacts import events as contact_events
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_contacts.directory import events as directory_events
from crm_contacts.directory.repository import TENANT_COLUMNS, USER_COLUMNS, to_tenant, to_user
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database
from crm_shared.database.walks import select_pages, walk_rows

SELECT_TENANTS = select_pages(TENANT_COLUMNS, "directory_tenants", "t", key="tenant_id")
SELECT_USERS = select_pages(USER_COLUMNS, "directory_users", "u")
SELECT_COMPANIES = select_pages(COMPANY_COLUMNS, "companies", "c")
SELECT_CONTACTS = select_pages(CONTACT_COLUMNS, "contacts", "c")


async def list_snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    """Give all, page by page: who is there first, then what they own."""
    async for _, row in walk_rows(database, SELECT_TENANTS):
        yield directory_events.TENANT_MAPPING.snapshot(to_tenant(row), tenant_id=row["id"])
    async for tenant_id, row in walk_rows(database, SELECT_USERS):
        yield directory_events.USER_MAPPING.snapshot(to_user(row), tenant_id=tenant_id)
    async for tenant_id, row in walk_rows(database, SELECT_COMPANIES):
        yield company_events.MAPPING.snapshot(to_company(row), tenant_id=tenant_id)
    async for tenant_id, row in walk_rows(database, SELECT_CONTACTS):
        yield contact_events.MAPPING.snapshot(to_contact(row), tenant_id=tenant_id)
