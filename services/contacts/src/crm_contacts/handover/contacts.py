"""Gives a leaver's contacts to their successor."""

from datetime import datetime

from crm_contacts.contacts.domain import shares_beside
from crm_contacts.contacts.record_adapter import CONTACTS
from crm_shared.database import Transaction
from crm_shared.features.handover import HandOver, OwnedRecords
from crm_shared.features.handover.owned_records import BATCH_RECORDS
from crm_shared.json_text import to_json

HAS_CONTACTS = """
    SELECT 1 FROM contacts r WHERE r.tenant_id = l.tenant_id AND r.owner_id = l.leaver_id AND r.deleted_at IS NULL
"""

# Deleted ones stay whose they were: one that is restored later is found by the sweep.
LOCK_CONTACTS = (
    CONTACTS.select()
    + """
     WHERE c.tenant_id = $1 AND c.owner_id = $2 AND c.deleted_at IS NULL
     ORDER BY c.created_at, c.id
     LIMIT $3
       FOR NO KEY UPDATE OF c SKIP LOCKED
"""
)

GIVE_CONTACTS = """
    UPDATE contacts c
       SET owner_id = given.owner_id, version = given.version, updated_at = given.updated_at,
           shares = given.shares::jsonb
      FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[])
           AS given (id, owner_id, version, updated_at, shares)
     WHERE c.tenant_id = $1 AND c.id = given.id
"""


async def give_contacts(transaction: Transaction, hand_over: HandOver, now: datetime) -> int:
    """Hand over one batch, oldest first; give its size."""
    tenant_id, successor_id = hand_over.tenant_id, hand_over.successor_id
    rows = await transaction.fetch(LOCK_CONTACTS, tenant_id, hand_over.leaver_id, BATCH_RECORDS)
    given = [
        CONTACTS.edit(contact, now=now, owner_id=successor_id, shares=shares_beside(successor_id, contact.shares))
        for contact in map(CONTACTS.to_record, rows)
    ]
    contacts = [edit.record for edit in given]
    await transaction.execute(
        GIVE_CONTACTS,
        tenant_id,
        [contact.id for contact in contacts],
        [contact.owner_id for contact in contacts],
        [contact.version for contact in contacts],
        [contact.updated_at for contact in contacts],
        [to_json(contact.shares).decode() for contact in contacts],
    )
    await CONTACTS.publish_edits(transaction, given, tenant_id=tenant_id, actor_id=hand_over.actor_id)
    return len(given)


OWNED_CONTACTS = OwnedRecords("contact", HAS_CONTACTS, give_contacts)
