"""Gives a leaver's deals, closed ones too, to their successor."""

from dataclasses import replace
from datetime import datetime

from crm_deals.deals import events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.domain import DealEdited
from crm_deals.deals.repository import to_deal
from crm_shared.audit import tell
from crm_shared.database import Transaction
from crm_shared.handover import HandOver, Holding
from crm_shared.handover.holdings import BATCH_RECORDS

HAS_DEALS = """
    SELECT 1 FROM deals r WHERE r.tenant_id = l.tenant_id AND r.owner_id = l.leaver_id AND r.deleted_at IS NULL
"""

LOCK_DEALS = (
    "SELECT"
    + DEAL_COLUMNS
    + """
      FROM deals d
     WHERE d.tenant_id = $1 AND d.owner_id = $2 AND d.deleted_at IS NULL
     ORDER BY d.created_at, d.id
     LIMIT $3
       FOR NO KEY UPDATE OF d SKIP LOCKED
"""
)

GIVE_DEALS = """
    UPDATE deals SET owner_id = $3, version = version + 1, updated_at = $4 WHERE tenant_id = $1 AND id = ANY($2)
"""


async def give_deals(transaction: Transaction, hand_over: HandOver, now: datetime) -> int:
    """Hand over one batch, oldest first; give its size."""
    tenant_id, successor_id = hand_over.tenant_id, hand_over.successor_id
    rows = await transaction.fetch(LOCK_DEALS, tenant_id, hand_over.leaver_id, BATCH_RECORDS)
    given = [
        DealEdited(
            replace(before, owner_id=successor_id, version=before.version + 1, updated_at=now), before=before, at=now
        )
        for before in map(to_deal, rows)
    ]
    await transaction.execute(GIVE_DEALS, tenant_id, [event.deal.id for event in given], successor_id, now)
    await tell(transaction, events.to_wire(given, tenant_id=tenant_id, actor_id=hand_over.actor_id))
    return len(given)


DEALS = Holding("deal", HAS_DEALS, give_deals)
