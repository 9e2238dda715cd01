"""SQL that writes and loads deals."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.domain import Deal, DealCreated, DealEvent, DealMoved, DealNotFound, DealStatus
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Database, Transaction, Where

# No row when the stage has been deleted, archived or given another kind since it was read: it is looked at, and held
# as it is until the commit, in the statement that writes the deal.
INSERT_DEAL = """
    INSERT INTO deals (tenant_id, id, version, name, contact_id, original_contact_id, company_id, owner_id,
                       pipeline_id, stage_id, amount, currency, close_date, status, stage_changed_at, closed_at,
                       lost_reason, description, custom_data, external_id, created_at, updated_at, deleted_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23
      FROM stages s
     WHERE s.tenant_id = $1 AND s.id = $10 AND s.kind = $14 AND NOT s.archived
       FOR KEY SHARE
    RETURNING id
"""

LOAD_DEAL = (
    "SELECT"
    + DEAL_COLUMNS
    + """
      FROM deals d
     WHERE d.tenant_id = $1 AND d.id = $2 AND d.deleted_at IS NULL AND """
)
# FOR UPDATE before the outbox insert: outbox order is then version order for this deal.
FOR_UPDATE = " FOR UPDATE OF d"

UPDATE_DEAL = """
    UPDATE deals
       SET version = $3, name = $4, contact_id = $5, original_contact_id = $6, company_id = $7, owner_id = $8,
           pipeline_id = $9, stage_id = $10, amount = $11, currency = $12, close_date = $13, status = $14,
           stage_changed_at = $15, closed_at = $16, lost_reason = $17, description = $18, custom_data = $19,
           external_id = $20, created_at = $21, updated_at = $22, deleted_at = $23
     WHERE tenant_id = $1 AND id = $2
"""

INSERT_HISTORY = """
    INSERT INTO deal_stage_history (tenant_id, deal_id, version, from_stage_id, from_stage_name, to_stage_id,
                                    to_stage_name, changed_at, changed_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def insert(transaction: Transaction, tenant_id: UUID, deal: Deal) -> bool:
    """Write a new deal. False, and nothing written, when its stage is no longer what it was read as."""
    return await transaction.fetchval(INSERT_DEAL, *_to_row(tenant_id, deal)) is not None


async def save(transaction: Transaction, tenant_id: UUID, deal: Deal) -> None:
    await transaction.execute(UPDATE_DEAL, *_to_row(tenant_id, deal))


async def load(database: Database, caller: Caller, deal_id: UUID) -> Deal:
    """Read the deal without a lock. Raises DealNotFound."""
    where = add_visible(Where(caller.tenant_id, deal_id), caller, "d.owner_id")
    async with database.read(caller.tenant_id) as connection:
        row = await connection.fetchrow(LOAD_DEAL + where.sql, *where.parameters)
    if row is None:
        raise DealNotFound
    return to_deal(row)


async def load_for_update(transaction: Transaction, caller: Caller, deal_id: UUID) -> Deal:
    """Lock the deal. Raises DealNotFound when it is absent, deleted or out of the caller's sight."""
    where = add_visible(Where(caller.tenant_id, deal_id), caller, "d.owner_id")
    row = await transaction.fetchrow(LOAD_DEAL + where.sql + FOR_UPDATE, *where.parameters)
    if row is None:
        raise DealNotFound
    return to_deal(row)


async def record_history(transaction: Transaction, caller: Caller, events: Sequence[DealEvent]) -> None:
    """Keep each entry into a stage, with the stages' names of that time."""
    for event in events:
        if isinstance(event, DealCreated):
            await _insert_entry(transaction, caller, event, (None, None), (event.stage.id, event.stage.name))
        elif isinstance(event, DealMoved):
            source, target = event.from_stage, event.to_stage
            await _insert_entry(transaction, caller, event, (source.id, source.name), (target.id, target.name))


async def _insert_entry(
    transaction: Transaction,
    caller: Caller,
    event: DealCreated | DealMoved,
    source: tuple[UUID | None, str | None],
    target: tuple[UUID, str],
) -> None:
    await transaction.execute(
        INSERT_HISTORY,
        caller.tenant_id,
        event.deal.id,
        event.deal.version,
        *source,
        *target,
        event.at,
        caller.user_id,
    )


def to_deal(row: Mapping[str, Any]) -> Deal:
    return Deal(**{**row, "status": DealStatus(row["status"])})


def to_history_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write one entry into a stage as the API and a snapshot's history tell of it."""
    source = {"id": row["from_stage_id"], "name": row["from_stage_name"]} if row["from_stage_id"] else None
    return {
        "version": row["version"],
        "from_stage": source,
        "to_stage": {"id": row["to_stage_id"], "name": row["to_stage_name"]},
        "changed_at": row["changed_at"],
        "changed_by": row["changed_by"],
    }


def _to_row(tenant_id: UUID, deal: Deal) -> tuple[Any, ...]:
    return (
        tenant_id, deal.id, deal.version, deal.name, deal.contact_id, deal.original_contact_id, deal.company_id,
        deal.owner_id, deal.pipeline_id, deal.stage_id, deal.amount, deal.currency, deal.close_date, deal.status,
        deal.stage_changed_at, deal.closed_at, deal.lost_reason, deal.description, deal.custom_data,
        deal.external_id, deal.created_at, deal.updated_at, deal.deleted_at,
    )  # fmt: skip
