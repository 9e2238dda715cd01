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
from crm_shared.database.walks import walk_rows

SELECT_TENANTS = (
    "SELECT"
    + TENANT_COLUMNS
    + """, t.tenant_id
      FROM directory_tenants t
     WHERE (t.tenant_id, t.tenant_id) > ($1, $2)
     ORDER BY t.tenant_id
     LIMIT $3
"""
)

SELECT_USERS = (
    "SELECT"
    + USER_COLUMNS
    + """, u.tenant_id
      FROM directory_users u
     WHERE (u.tenant_id, u.id) > ($1, $2)
     ORDER BY u.tenant_id, u.id
     LIMIT $3
"""
)

SELECT_COMPANIES = (
    "SELECT"
    + COMPANY_COLUMNS
    + """, c.tenant_id
      FROM companies c
     WHERE (c.tenant_id, c.id) > ($1, $2)
     ORDER BY c.tenant_id, c.id
     LIMIT $3
"""
)

SELECT_CONTACTS = (
    "SELECT"
    + CONTACT_COLUMNS
    + """, c.tenant_id
      FROM contacts c
     WHERE (c.tenant_id, c.id) > ($1, $2)
     ORDER BY c.tenant_id, c.id
     LIMIT $3
"""
)


async def list_snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    """Give all, page by page: who is there first, then what they own."""
    async for _, row in walk_rows(database, SELECT_TENANTS):
        yield directory_events.tenant_snapshot(to_tenant(row))
    async for tenant_id, row in walk_rows(database, SELECT_USERS):
        yield directory_events.user_snapshot(to_user(row), tenant_id=tenant_id)
    async for tenant_id, row in walk_rows(database, SELECT_COMPANIES):
        yield company_events.snapshot(to_company(row), tenant_id=tenant_id)
    async for tenant_id, row in walk_rows(database, SELECT_CONTACTS):
        yield contact_events.snapshot(to_contact(row), tenant_id=tenant_id)
