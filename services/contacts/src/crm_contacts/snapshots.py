"""The present state of every tenant, user, company and contact: who is there first, then what they own."""

from typing import Final

from crm_contacts.companies import events as company_events
from crm_contacts.companies.repository import COMPANY_COLUMNS, to_company
from crm_contacts.contacts import events as contact_events
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_contacts.directory import events as directory_events
from crm_contacts.directory.repository import TENANT_COLUMNS, USER_COLUMNS, to_tenant, to_user
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Connection
from crm_shared.database.walks import Page
from crm_shared.snapshots.sources import SnapshotSource, delete_at


async def snapshot_tenants(_connection: Connection, rows: Page) -> list[OutboxEvent]:
    return [directory_events.TENANT_MAPPING.snapshot(to_tenant(row), tenant_id=row["id"]) for _, row in rows]


async def snapshot_users(_connection: Connection, rows: Page) -> list[OutboxEvent]:
    return [directory_events.USER_MAPPING.snapshot(to_user(row), tenant_id=tenant_id) for tenant_id, row in rows]


async def snapshot_companies(_connection: Connection, rows: Page) -> list[OutboxEvent]:
    return [company_events.MAPPING.snapshot(to_company(row), tenant_id=tenant_id) for tenant_id, row in rows]


async def snapshot_contacts(_connection: Connection, rows: Page) -> list[OutboxEvent]:
    return [contact_events.MAPPING.snapshot(to_contact(row), tenant_id=tenant_id) for tenant_id, row in rows]


SOURCES: Final = (
    SnapshotSource("tenant", "directory_tenants", "t", TENANT_COLUMNS, snapshot_tenants, key="tenant_id"),
    SnapshotSource("user", "directory_users", "u", USER_COLUMNS, snapshot_users, end=lambda _moment: {"active": False}),
    SnapshotSource("company", "companies", "c", COMPANY_COLUMNS, snapshot_companies, end=delete_at),
    SnapshotSource("contact", "contacts", "c", CONTACT_COLUMNS, snapshot_contacts, end=delete_at, has_erasures=True),
)
