"""This service's own facts, that set off more of its work."""

from crm_contacts.handover.companies import COMPANIES
from crm_contacts.handover.contacts import CONTACTS
from crm_contacts.handover.shares import SHARES
from crm_shared.handover import follow_hand_overs

HOLDINGS = (CONTACTS, COMPANIES, SHARES)

hand_over = follow_hand_overs("contacts", HOLDINGS)
