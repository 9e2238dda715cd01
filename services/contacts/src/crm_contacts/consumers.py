"""This service's own facts, that set off more of its work."""

from crm_contacts.companies.record_adapter import COMPANIES
from crm_contacts.handover.contacts import OWNED_CONTACTS
from crm_contacts.handover.shares import SHARES
from crm_shared.features.handover import follow_hand_overs, owned_by_column

ALL_OWNED = (OWNED_CONTACTS, owned_by_column(COMPANIES), SHARES)

hand_over = follow_hand_overs("contacts", ALL_OWNED)
