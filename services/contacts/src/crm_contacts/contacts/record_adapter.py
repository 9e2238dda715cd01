"""Contacts as the suite's own work on many records sees them."""

from typing import Final

from crm_contacts.contacts.domain import ContactEdited
from crm_contacts.contacts.events import MAPPING
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_shared.record_adapters import RecordAdapter

CONTACTS: Final = RecordAdapter(MAPPING, ContactEdited, "contacts", "c", CONTACT_COLUMNS, to_contact, is_audited=True)
