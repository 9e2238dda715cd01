"""Contacts as the suite's own work on many records sees them."""

from typing import Final
from uuid import UUID

from crm_contacts.contacts import events
from crm_contacts.contacts.domain import Contact, ContactEdited
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_shared.contracts import OutboxEvent
from crm_shared.record_kinds import Edit, RecordKind


def _to_event(edit: Edit[Contact], tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    edited = ContactEdited(edit.record, before=edit.before, at=edit.at)
    return events.to_wire(edited, tenant_id=tenant_id, actor_id=actor_id)


CONTACTS: Final = RecordKind("contact", "contacts", "c", CONTACT_COLUMNS, to_contact, _to_event)
