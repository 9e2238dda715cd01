"""SQL that reads a pipeline's board: per stage the count, the money per currency and the first deals."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order
from crm_shared.money import digits_of

SUM_STAGES = """
    SELECT d.stage_id, d.currency, count(*) AS count, COALESCE(sum(d.amount), 0) AS total
      FROM deals d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.deleted_at IS NULL AND """

# The first deals of each stage by the index deals_on_board: one statement whatever the number of stages.
OF_EACH_STAGE = """
      FROM unnest($3::uuid[]) AS wanted (stage_id)
     CROSS JOIN LATERAL (
           SELECT * FROM deals d
            WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.deleted_at IS NULL AND d.stage_id = wanted.stage_id
              AND """


async def sum_stages(connection: Connection, caller: Caller, pipeline_id: UUID) -> dict[UUID, list[Mapping[str, Any]]]:
    """Give rows of (currency, count, total) by stage, of the deals that the caller sees."""
    where = add_visible(Where(caller.tenant_id, pipeline_id), caller, "d.owner_id")
    rows = await connection.fetch(
        SUM_STAGES + where.sql + " GROUP BY d.stage_id, d.currency ORDER BY d.currency", *where.parameters
    )
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
) -> dict[UUID, list[Mapping[str, Any]]]:
    """Give up to `limit` + 1 deals of each stage, by stage, in `order`."""
    where = Where(caller.tenant_id, pipeline_id, stage_ids)
    order.add_after(add_visible(where, caller, "d.owner_id"), cursor)
    page = where.number(limit + 1)
    first = where.sql + " ORDER BY " + order.sql + " LIMIT " + page
    statement = "SELECT" + DEAL_COLUMNS + OF_EACH_STAGE + first + ") d ORDER BY " + order.sql
    deals: dict[UUID, list[Mapping[str, Any]]] = {stage_id: [] for stage_id in stage_ids}
    for row in await connection.fetch(statement, *where.parameters):
        deals[row["stage_id"]].append(dict(row))
    return deals


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
