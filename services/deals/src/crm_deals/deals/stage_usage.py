"""What stages hold: asked before a stage goes or means something else, and moved elsewhere when it does.

The caller of these has locked the stages, so nothing comes in meanwhile.
"""

from datetime import datetime
from uuid import UUID

from crm_deals.deals import domain, events, repository
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.pipelines.domain import Stage
from crm_shared.access import Caller
from crm_shared.database import Transaction
from crm_shared.publishing import publish
from crm_shared.retention import RESTORABLE_FOR

CHUNK = 500

HOLDS_DEALS = """
    SELECT EXISTS (SELECT FROM deals
                    WHERE tenant_id = $1 AND pipeline_id = $2 AND stage_id = $3 AND deleted_at IS NULL)
"""

HOLDS_DELETED_DEALS = """
    SELECT EXISTS (SELECT FROM deals
                    WHERE tenant_id = $1 AND pipeline_id = $2 AND stage_id = $3 AND deleted_at >= $4)
"""

# Those whom a move takes out of the stage while we wait for their lock are left out by PostgreSQL's second look.
LOCK_IN_STAGE = (
    "SELECT"
    + DEAL_COLUMNS
    + """
      FROM deals d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.stage_id = $3
     ORDER BY d.id
     LIMIT $4
       FOR UPDATE
"""
)


async def holds_deals(transaction: Transaction, tenant_id: UUID, stage: Stage) -> bool:
    """Is any deal in the stage, whoever may see it? Deleted ones don't count."""
    return bool(await transaction.fetchval(HOLDS_DEALS, tenant_id, stage.pipeline_id, stage.id))


async def holds_deleted_deals(transaction: Transaction, tenant_id: UUID, stage: Stage, *, now: datetime) -> bool:
    """Return whether a deal in the stage is deleted and may be restored, whoever may see it."""
    since = now - RESTORABLE_FOR
    return bool(await transaction.fetchval(HOLDS_DELETED_DEALS, tenant_id, stage.pipeline_id, stage.id, since))


async def move_all(
    transaction: Transaction, caller: Caller, stage: Stage, *, present_to: Stage, deleted_to: Stage, now: datetime
) -> int:
    """Move every deal of `stage`, each with its events; give their number."""
    moved = 0
    while True:
        rows = await transaction.fetch(LOCK_IN_STAGE, caller.tenant_id, stage.pipeline_id, stage.id, CHUNK)
        if not rows:
            return moved
        decisions = []
        for deal in map(repository.to_deal, rows):
            at = max(now, deal.stage_changed_at)
            to = present_to if deal.deleted_at is None else deleted_to
            decisions.append(domain.move(deal, stage, to, lost_reason=None, at=at, now=at))
        happened = [event for decision in decisions for event in decision.events]
        await repository.save_many(transaction, caller.tenant_id, [decision.deal for decision in decisions])
        await repository.record_history(transaction, caller.tenant_id, caller.user_id, happened)
        await publish(transaction, events.MAPPING.to_wire(happened, by=caller), audited=True)
        moved += len(rows)
