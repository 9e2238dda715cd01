"""Contacts and companies as the cleaning of a deleted field sees them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.companies import events as company_events
from crm_contacts.companies.domain import CompanyEdited
from crm_contacts.companies.repository import COMPANY_COLUMNS, to_company
from crm_contacts.contacts import events as contact_events
from crm_contacts.contacts.domain import ContactEdited
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_shared.contracts import OutboxEvent
from crm_shared.custom_fields import EntityType
from crm_shared.custom_fields.cleaning import Holders

LOCK_CONTACTS = (
    "SELECT"
    + CONTACT_COLUMNS
    + """, c.custom_data AS stored
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.custom_data ?| $2::text[] AND c.id > $3
     ORDER BY c.id
     LIMIT $4
       FOR NO KEY UPDATE OF c
"""
)

CLEAN_CONTACTS = """
    UPDATE contacts
       SET custom_data = custom_data - $2::text[],
           version = CASE WHEN deleted_at IS NULL THEN version + 1 ELSE version END,
           updated_at = CASE WHEN deleted_at IS NULL THEN $4 ELSE updated_at END
     WHERE tenant_id = $1 AND id = ANY($3)
"""

LOCK_COMPANIES = (
    "SELECT"
    + COMPANY_COLUMNS
    + """, c.custom_data AS stored
      FROM companies c
     WHERE c.tenant_id = $1 AND c.custom_data ?| $2::text[] AND c.id > $3
     ORDER BY c.id
     LIMIT $4
       FOR NO KEY UPDATE OF c
"""
)

CLEAN_COMPANIES = """
    UPDATE companies
       SET custom_data = custom_data - $2::text[],
           version = CASE WHEN deleted_at IS NULL THEN version + 1 ELSE version END,
           updated_at = CASE WHEN deleted_at IS NULL THEN $4 ELSE updated_at END
     WHERE tenant_id = $1 AND id = ANY($3)
"""


def _tell_contact(row: Mapping[str, Any], tenant_id: UUID, now: datetime) -> OutboxEvent:
    contact = to_contact({name: value for name, value in row.items() if name != "stored"})
    cleaned = replace(contact, version=contact.version + 1, updated_at=now)
    before = replace(contact, custom_data=row["stored"])
    return contact_events.to_wire(ContactEdited(cleaned, before, at=now), tenant_id=tenant_id, actor_id=None)


def _tell_company(row: Mapping[str, Any], tenant_id: UUID, now: datetime) -> OutboxEvent:
    company = to_company({name: value for name, value in row.items() if name != "stored"})
    cleaned = replace(company, version=company.version + 1, updated_at=now)
    before = replace(company, custom_data=row["stored"])
    return company_events.to_wire(CompanyEdited(cleaned, before, at=now), tenant_id=tenant_id, actor_id=None)


HOLDERS = (
    Holders(EntityType.CONTACT, LOCK_CONTACTS, CLEAN_CONTACTS, _tell_contact),
    Holders(EntityType.COMPANY, LOCK_COMPANIES, CLEAN_COMPANIES, _tell_company),
)
