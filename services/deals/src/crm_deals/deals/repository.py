"""SQL that writes and loads deals."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

from crm_deals.deals.columns import DEAL_COLUMNS, DEAL_TABLE
from crm_deals.deals.domain import (
    Deal,
    DealCreated,
    DealEvent,
    DealMoved,
    DealNotFound,
    DealNotYours,
    DealStatus,
    DuplicateExternalId,
)
from crm_deals.deals.events import to_state
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible, governed_by
from crm_shared.access.visible_records import find_seen
from crm_shared.database import Connection, Database, Transaction, Where
from crm_shared.database.unique_values import try_update, write_unique
from crm_shared.refusals import Conflict

# No row when the stage has been deleted, archived or given another kind since it was read (it is looked at, and held as
# it is until the commit, in the statement that writes the deal), or when another deal has the external id.
INSERT_DEAL = (
    DEAL_TABLE.insert_into  # noqa: S608 - names of columns
    + " SELECT "
    + DEAL_TABLE.parameters
    + """
      FROM stages s
     WHERE s.tenant_id = $1 AND s.id = """
    + DEAL_TABLE.parameter("stage_id")
    + " AND s.kind = "
    + DEAL_TABLE.parameter("status")
    + """ AND NOT s.archived
       FOR KEY SHARE
    ON CONFLICT (tenant_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL DO NOTHING
    RETURNING id
"""
)

FIND_EXTERNAL_IDS = """
    SELECT external_id, id FROM deals WHERE tenant_id = $1 AND external_id = ANY($2) AND deleted_at IS NULL
"""

FROM_DEAL = """
      FROM deals d
     WHERE d.tenant_id = $1 AND d.id = $2 AND """
FROM_DEALS = """
      FROM deals d
     WHERE d.tenant_id = $1 AND d.id = ANY($2) AND """
IN_ORDER = " ORDER BY d.id"
PRESENT = "d.deleted_at IS NULL AND "
# FOR UPDATE before the outbox insert: outbox order is then version order for this deal.
FOR_UPDATE = " FOR UPDATE OF d"

INSERT_HISTORY = """
    INSERT INTO deal_stage_history (tenant_id, deal_id, version, from_stage_id, from_stage_name, to_stage_id,
                                    to_stage_name, changed_at, changed_by)
    SELECT $1, entry.*, $2::uuid
      FROM unnest($3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::timestamptz[]) AS entry
"""


async def insert(transaction: Transaction, tenant_id: UUID, deal: Deal) -> bool:
    """Write a new deal. False, and nothing written, when its stage is no longer what it was read as.

    Likewise when another living deal has its external id.
    """
    return await transaction.fetchval(INSERT_DEAL, *DEAL_TABLE.to_row(tenant_id, deal)) is not None


async def save(transaction: Transaction, tenant_id: UUID, deal: Deal) -> None:
    await transaction.execute(DEAL_TABLE.update, *DEAL_TABLE.to_row(tenant_id, deal))


async def save_unique(transaction: Transaction, caller: Caller, deal: Deal, *, before: Deal) -> None:
    """Write a changed deal. Raises DuplicateExternalId."""
    if (deal.external_id, deal.deleted_at) == (before.external_id, before.deleted_at) or deal.external_id is None:
        await save(transaction, caller.tenant_id, deal)
        return
    await write_unique(
        lambda: try_update(transaction, lambda: save(transaction, caller.tenant_id, deal)),
        lambda: find_conflict(transaction, caller, deal),
    )


async def find_conflict(connection: Connection, caller: Caller, deal: Deal) -> Conflict | None:
    """Return the refusal when another has the deal's external id, None if nobody has.

    It names which deal has it, if the caller sees that one.
    """
    if deal.external_id is None:
        return None
    holder_id = (await find_external_ids(connection, caller.tenant_id, [deal.external_id])).get(deal.external_id)
    if holder_id is None or holder_id == deal.id:
        return None
    seen = await find_seen_deals(connection, caller, [holder_id])
    return DuplicateExternalId(holder_id if holder_id in seen else None)


async def find_seen_deals(connection: Connection, caller: Caller, deal_ids: Collection[UUID]) -> frozenset[UUID]:
    return await find_seen(connection, caller, "deals", deal_ids, contact_id="r.contact_id")


async def find_external_ids(connection: Connection, tenant_id: UUID, external_ids: Collection[str]) -> dict[str, UUID]:
    """Return which living deal has each of the external ids."""
    rows = await connection.fetch(FIND_EXTERNAL_IDS, tenant_id, list(external_ids))
    return {row["external_id"]: row["id"] for row in rows}


async def load(database: Database, caller: Caller, deal_id: UUID) -> Deal:
    """Read the deal without a lock. Raises DealNotFound, DealNotYours."""
    async with database.read(caller.tenant_id) as connection:
        return await _load_writable(connection, caller, deal_id, PRESENT)


async def load_for_update(transaction: Transaction, caller: Caller, deal_id: UUID) -> Deal:
    """Lock the deal.

    Raises DealNotFound when it is absent, deleted or out of the caller's sight, DealNotYours when they see it only
    because its contact is shared with them.
    """
    return await _load_writable(transaction, caller, deal_id, PRESENT, FOR_UPDATE)


async def load_any_for_update(transaction: Transaction, caller: Caller, deal_id: UUID) -> Deal:
    """Lock the deal, deleted or not. Raises DealNotFound, DealNotYours."""
    return await _load_writable(transaction, caller, deal_id, "", FOR_UPDATE)


async def lock_many(
    transaction: Transaction, caller: Caller, deal_ids: Collection[UUID]
) -> dict[UUID, tuple[Deal, bool]]:
    """Lock those of the deals that are there, in order of id; with each, whether the caller governs it.

    Those out of sight too: they may be in the way of what the caller writes.
    """
    where = Where(caller.tenant_id, sorted(deal_ids))
    governs = ", " + governed_by(where, caller, "d.owner_id") + " AS governs"
    rows = await transaction.fetch(
        "SELECT" + DEAL_COLUMNS + governs + FROM_DEALS + PRESENT + where.sql + IN_ORDER + FOR_UPDATE, *where.parameters
    )
    return {row["id"]: (_to_governed(row), row["governs"]) for row in rows}


def _to_governed(row: Mapping[str, Any]) -> Deal:
    return to_deal({name: value for name, value in row.items() if name != "governs"})


async def _load_writable(
    connection: Connection, caller: Caller, deal_id: UUID, state: LiteralString, locking: LiteralString = ""
) -> Deal:
    where = add_visible(Where(caller.tenant_id, deal_id), caller, "d.owner_id", contact_id="d.contact_id")
    governs = ", " + governed_by(where, caller, "d.owner_id") + " AS governs"
    row = await connection.fetchrow(
        "SELECT" + DEAL_COLUMNS + governs + FROM_DEAL + state + where.sql + locking, *where.parameters
    )
    if row is None:
        raise DealNotFound
    if not row["governs"]:
        raise DealNotYours
    return _to_governed(row)


async def save_many(transaction: Transaction, tenant_id: UUID, deals: Sequence[Deal]) -> None:
    """Write all of each deal that is there, in one statement. They are locked."""
    if deals:
        await transaction.execute(DEAL_TABLE.update_many, tenant_id, [to_state(deal) for deal in deals])


async def record_history(
    transaction: Transaction, tenant_id: UUID, user_id: UUID | None, events: Sequence[DealEvent]
) -> None:
    """Keep each entry into a stage, with the stages' names of that time."""
    entries = [event for event in events if isinstance(event, DealCreated | DealMoved)]
    if not entries:
        return
    sources = [event.from_stage if isinstance(event, DealMoved) else None for event in entries]
    targets = [event.to_stage if isinstance(event, DealMoved) else event.stage for event in entries]
    await transaction.execute(
        INSERT_HISTORY,
        tenant_id,
        user_id,
        [event.deal.id for event in entries],
        [event.deal.version for event in entries],
        [None if stage is None else stage.id for stage in sources],
        [None if stage is None else stage.name for stage in sources],
        [stage.id for stage in targets],
        [stage.name for stage in targets],
        [event.at for event in entries],
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
