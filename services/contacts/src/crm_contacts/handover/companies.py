"""Gives a leaver's companies to their successor."""

from dataclasses import replace
from datetime import datetime

from crm_contacts.companies import events
from crm_contacts.companies.domain import CompanyEdited
from crm_contacts.companies.repository import COMPANY_COLUMNS, to_company
from crm_shared.audit import tell
from crm_shared.database import Transaction
from crm_shared.handover import HandOver, Holding
from crm_shared.handover.holdings import BATCH_RECORDS

HAS_COMPANIES = """
    SELECT 1 FROM companies r WHERE r.tenant_id = l.tenant_id AND r.owner_id = l.leaver_id AND r.deleted_at IS NULL
"""

LOCK_COMPANIES = (
    "SELECT"
    + COMPANY_COLUMNS
    + """
      FROM companies c
     WHERE c.tenant_id = $1 AND c.owner_id = $2 AND c.deleted_at IS NULL
     ORDER BY c.created_at, c.id
     LIMIT $3
       FOR NO KEY UPDATE OF c SKIP LOCKED
"""
)

GIVE_COMPANIES = """
    UPDATE companies SET owner_id = $3, version = version + 1, updated_at = $4 WHERE tenant_id = $1 AND id = ANY($2)
"""


async def give_companies(transaction: Transaction, hand_over: HandOver, now: datetime) -> int:
    """Hand over one batch, oldest first; give its size."""
    tenant_id, successor_id = hand_over.tenant_id, hand_over.successor_id
    rows = await transaction.fetch(LOCK_COMPANIES, tenant_id, hand_over.leaver_id, BATCH_RECORDS)
    given = [
        CompanyEdited(
            replace(before, owner_id=successor_id, version=before.version + 1, updated_at=now), before=before, at=now
        )
        for before in map(to_company, rows)
    ]
    await transaction.execute(GIVE_COMPANIES, tenant_id, [event.company.id for event in given], successor_id, now)
    await tell(
        transaction, [events.to_wire(event, tenant_id=tenant_id, actor_id=hand_over.actor_id) for event in given]
    )
    return len(given)


COMPANIES = Holding("company", HAS_COMPANIES, give_companies)
