"""Takes away the shares that a leaver had: nothing is passed on, as a share was given to them and to nobody else."""

from datetime import datetime

from crm_contacts.contacts import events, repository
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_contacts.sharing.rules import find_share, unshare
from crm_shared.contracts import Actor
from crm_shared.database import Transaction
from crm_shared.features.handover import HandOver, OwnedRecords
from crm_shared.features.handover.owned_records import BATCH_RECORDS
from crm_shared.publishing import publish

HAS_SHARES = "SELECT 1 FROM contact_shares r WHERE r.tenant_id = l.tenant_id AND r.user_id = l.leaver_id"

LOCK_SHARED = (
    "SELECT"
    + CONTACT_COLUMNS
    + """
      FROM contact_shares s
      JOIN contacts c ON c.tenant_id = s.tenant_id AND c.id = s.contact_id
     WHERE s.tenant_id = $1 AND s.user_id = $2
     ORDER BY s.contact_id
     LIMIT $3
       FOR NO KEY UPDATE OF c SKIP LOCKED
"""
)


async def end_shares(transaction: Transaction, hand_over: HandOver, now: datetime) -> int:
    """End one batch of shares; give its size."""
    tenant_id, leaver_id = hand_over.tenant_id, hand_over.leaver_id
    rows = await transaction.fetch(LOCK_SHARED, tenant_id, leaver_id, BATCH_RECORDS)
    # Off the locked row: the share may have gone since the statement began.
    shared = [contact for contact in map(to_contact, rows) if find_share(contact.shares, leaver_id) is not None]
    ended = [unshare(contact, leaver_id, now=now) for contact in shared]
    for event in ended:
        await repository.save(transaction, tenant_id, event.contact)
    wire = await events.MAPPING.to_wire_in_turns(ended, by=Actor(tenant_id, hand_over.actor_id))
    await publish(transaction, wire, audited=True)
    return len(ended)


SHARES = OwnedRecords("share", HAS_SHARES, end_shares)
