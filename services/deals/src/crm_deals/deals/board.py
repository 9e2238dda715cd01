"""SQL that reads a pipeline's board: per stage the count, the money per currency and the first deals."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_shared.access import Caller
from crm_shared.access.visibility import list_branches
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order
from crm_shared.http.pages import Listed, select_visible
from crm_shared.money import digits_of

# Maintained sums by owner, with the changes that are not folded in yet; both read in one snapshot are exact.
OF_OWNERS = """
    SELECT d.stage_id, d.currency, d.count, d.total
      FROM (SELECT * FROM stage_totals WHERE tenant_id = $1 AND pipeline_id = $2
             UNION ALL
            SELECT tenant_id, pipeline_id, stage_id, owner_id, currency, count, total
              FROM stage_total_changes WHERE tenant_id = $1 AND pipeline_id = $2) AS d
     WHERE """
# What is seen by a share alone is counted: contacts are shared one by one, so these are few.
OF_SHARES = """
    SELECT d.stage_id, d.currency, 1, COALESCE(d.amount, 0)
      FROM deals d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.deleted_at IS NULL AND """
SUM_STAGES = """
    SELECT d.stage_id, d.currency, sum(d.count)::bigint AS count, sum(d.total) AS total
      FROM ("""
BY_STAGE = """) d
     GROUP BY d.stage_id, d.currency
    HAVING sum(d.count) <> 0
     ORDER BY d.currency
"""

# The first deals of each stage by the indexes deals_on_board and deals_on_owners_board: one statement whatever the
# number of stages.
OF_EACH_STAGE = """
      FROM unnest($3::uuid[]) AS wanted (stage_id)
     CROSS JOIN LATERAL ("""
LAST_ACTIVITY = """,
           (SELECT max(a.occurred_at) FROM deal_activities a
             WHERE a.tenant_id = $1 AND a.deal_id = d.id AND a.counts AND a.occurred_at <= $4) AS last_activity_at
"""
IN_STAGE = Listed(
    columns=" d.*",
    source="""
              FROM deals d
             WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.deleted_at IS NULL AND d.stage_id = wanted.stage_id
               AND """,
    table="deals d",
    owner_column="d.owner_id",
    contact_id="d.contact_id",
)


async def sum_stages(connection: Connection, caller: Caller, pipeline_id: UUID) -> dict[UUID, list[Mapping[str, Any]]]:
    """Give rows of (currency, count, total) by stage, of the deals that the caller sees."""
    where = Where(caller.tenant_id, pipeline_id)
    owned, *shared = list_branches(where, caller, "d.owner_id", contact_id="d.contact_id")
    seen = " UNION ALL ".join([OF_OWNERS + owned, *(OF_SHARES + branch for branch in shared)])
    rows = await connection.fetch(SUM_STAGES + seen + BY_STAGE, *where.parameters)
    sums: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in rows:
        sums.setdefault(row["stage_id"], []).append(row)
    return sums


async def list_stage_deals(
    connection: Connection,
    caller: Caller,
    pipeline_id: UUID,
    stage_ids: Sequence[UUID],
    *,
    order: Order,
    cursor: str | None,
    limit: int,
    now: datetime,
) -> dict[UUID, list[dict[str, Any]]]:
    """Give up to `limit` + 1 deals of each stage, by stage, in `order`, each with its `last_activity_at`."""
    where = Where(caller.tenant_id, pipeline_id, stage_ids, now)
    order.add_after(where, cursor)
    first = select_visible(IN_STAGE, where, caller, order, where.number(limit + 1), by_owner=True)
    statement = "SELECT" + DEAL_COLUMNS + LAST_ACTIVITY + OF_EACH_STAGE + first + ") d ORDER BY " + order.sql
    deals: dict[UUID, list[dict[str, Any]]] = {stage_id: [] for stage_id in stage_ids}
    for row in await connection.fetch(statement, *where.parameters):
        deals[row["stage_id"]].append(dict(row))
    return deals


def is_rotting(deal: Mapping[str, Any], stage: Mapping[str, Any], *, now: datetime) -> bool:
    """Tell whether an open deal has seen neither a move nor an activity for as many days as its stage allows."""
    if stage["kind"] != "OPEN" or stage["rotting_days"] is None:
        return False
    last: datetime = max(deal["stage_changed_at"], deal["last_activity_at"] or deal["stage_changed_at"])
    return now - last >= timedelta(days=stage["rotting_days"])


def to_totals(rows: Sequence[Mapping[str, Any]], win_probability: int) -> list[dict[str, Any]]:
    """Write each currency's count, total and weighted total; currencies are never added up."""
    totals = []
    for row in rows:
        unit = Decimal(1).scaleb(-digits_of(row["currency"]))
        weighted = (row["total"] * win_probability / 100).quantize(unit, ROUND_HALF_EVEN)
        totals.append(
            {
                "currency": row["currency"],
                "count": row["count"],
                "total": row["total"].quantize(unit),
                "weighted": weighted,
            }
        )
    return totals
