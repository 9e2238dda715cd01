"""Deals follow their contact when it is merged, deleted ones too, and return when it is parted."""

from datetime import datetime
from typing import Final
from uuid import UUID

from crm_deals.deals import domain, events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.repository import to_deal
from crm_shared.audit import tell
from crm_shared.database import Transaction
from crm_shared.replicas.following import BATCH_RECORDS, Followers
from crm_shared.replicas.living import Family

HAS_BEEN_MOVED: Final = "SELECT FROM deals d WHERE d.tenant_id = w.tenant_id AND d.original_contact_id = w.id"

# $2: the family, $3 the one of it that lives, $5 the others. What was first given to one of them belongs to that one.
# By the indexes of contacts first: sorted by id with a limit, PostgreSQL would walk the tenant's whole table. Then once
# more under lock, as a record may have been moved meanwhile.
FIND_STRAYS: Final = """
    WITH strays AS MATERIALIZED (
        (SELECT s.id FROM deals s
          WHERE s.tenant_id = $1 AND s.original_contact_id = ANY($2) AND s.contact_id <> $3)
        UNION ALL
        (SELECT s.id FROM deals s
          WHERE s.tenant_id = $1 AND s.original_contact_id IS NULL AND s.contact_id = ANY($5))
        LIMIT $4
    )
"""
LOCK_STRAYS = (
    FIND_STRAYS
    + "SELECT"
    + DEAL_COLUMNS
    + """
      FROM deals d
      JOIN strays USING (id)
     WHERE d.tenant_id = $1 AND d.contact_id <> $3
       AND (d.original_contact_id = ANY($2) OR (d.original_contact_id IS NULL AND d.contact_id = ANY($2)))
     ORDER BY d.id
       FOR NO KEY UPDATE OF d
"""
)

FOLLOW = """
    UPDATE deals d
       SET contact_id = $4, original_contact_id = moved.original_id, version = d.version + 1, updated_at = $5
      FROM unnest($2::uuid[], $3::uuid[]) AS moved (id, original_id)
     WHERE d.tenant_id = $1 AND d.id = moved.id
"""


async def move_strays(transaction: Transaction, tenant_id: UUID, family: Family, now: datetime) -> int:
    """Bring one batch where it belongs, by nobody's hand; give its size."""
    living_id, merged_ids = family.living_id, family.merged_ids
    rows = await transaction.fetch(
        LOCK_STRAYS, tenant_id, [living_id, *merged_ids], living_id, BATCH_RECORDS, merged_ids
    )
    moved = [domain.follow_contact(to_deal(row), living_id, now=now) for row in rows]
    if moved:
        deals = [event.deal for event in moved]
        original_ids = [deal.original_contact_id for deal in deals]
        await transaction.execute(FOLLOW, tenant_id, [deal.id for deal in deals], original_ids, living_id, now)
        await tell(transaction, events.to_wire(moved, tenant_id=tenant_id, actor_id=None))
    return len(moved)


FOLLOWERS = Followers(HAS_BEEN_MOVED, move_strays)
