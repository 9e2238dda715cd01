"""SQL that reads a pipeline's board: per stage the count, the money per currency and the first deals."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final
from uuid import UUID

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.event_loop_turns import in_turns
from crm_shared.listing import Listed, Page, Statement, list_branches, select_visible
from crm_shared.money import digits_of

PIECE_DEALS: Final = 1_000
"""Of a board of many stages, made without letting others have the event loop."""

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
             WHERE a.tenant_id = $1 AND a.deal_id = d.id AND a.counts AND a.occurred_at <= $4) AS last_activity_at,
           n.activity_id AS next_id, n.type AS next_type, n.subject AS next_subject,
           n.scheduled_at AS next_scheduled_at, n.scheduled_on AS next_scheduled_on
"""
# Who sees the deal sees its activities. By what the deal's own row says: the two are written together.
NEXT_ACTIVITY = """) d
      LEFT JOIN deal_activities n ON n.tenant_id = $1 AND n.activity_id = d.next_activity_id
     ORDER BY """
SHOWN_OF_NEXT = ("id", "type", "subject", "scheduled_at", "scheduled_on")
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
    """Return rows of (currency, count, total) by stage, of the deals that the caller sees."""
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
    stages: Mapping[UUID, Mapping[str, Any]],
    *,
    page: Page,
    now: datetime,
) -> dict[UUID, list[dict[str, Any]]]:
    """Return up to a page's limit + 1 deals of each stage, by stage, as the board shows them."""
    deals: dict[UUID, list[dict[str, Any]]] = {stage_id: [] for stage_id in stages}
    rows = await select_stage_deals(caller, pipeline_id, list(stages), page=page, now=now).fetch(connection)
    async for row in in_turns(rows, at_once=PIECE_DEALS):
        stage_id = row["stage_id"]
        deals[stage_id].append(_to_shown(row, stages[stage_id], now=now))
    return deals


def _to_shown(row: dict[str, Any], stage: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Put what the row has of the next activity together, and tell whether the deal is rotting in its stage."""
    following = {name: row.pop(f"next_{name}") for name in SHOWN_OF_NEXT}
    following_or_none = None if following["id"] is None else following
    return {**row, "next_activity": following_or_none, "rotting": is_rotting(row, stage, now=now)}


def select_stage_deals(
    caller: Caller, pipeline_id: UUID, stage_ids: Sequence[UUID], *, page: Page, now: datetime
) -> Statement:
    where, order = Where(caller.tenant_id, pipeline_id, stage_ids, now), page.order
    if page.after is not None:
        order.add_after(where, page.after)
    first = select_visible(IN_STAGE, where, caller, order, where.number(page.limit + 1), by_owner=True)
    sql = "SELECT" + DEAL_COLUMNS + LAST_ACTIVITY + OF_EACH_STAGE + first + NEXT_ACTIVITY + order.sql
    return Statement(sql, where.parameters)


def is_rotting(deal: Mapping[str, Any], stage: Mapping[str, Any], *, now: datetime) -> bool:
    """Return whether an open deal has seen neither a move nor an activity for as many days as its stage allows."""
    if stage["kind"] != "OPEN" or stage["rotting_days"] is None:
        return False
    last: datetime = max(deal["stage_changed_at"], deal["last_activity_at"] or deal["stage_changed_at"])
    return now - last >= timedelta(days=stage["rotting_days"])


def to_totals(rows: Sequence[Mapping[str, Any]], win_probability: int) -> list[dict[str, Any]]:
    """Write each currency's count, total and weighted total; currencies are never added up."""
    return [
        {
            "currency": row["currency"],
            "count": row["count"],
            "total": _to_money(row["total"], row["currency"], percent=100),
            "weighted": _to_money(row["total"], row["currency"], percent=win_probability),
        }
        for row in rows
    ]


def _to_money(total: Decimal, currency: str, *, percent: int) -> Decimal | None:
    """Return a part of a total, rounded half-even to the currency's digits; null for what is no number."""
    unit = Decimal(1).scaleb(-digits_of(currency))
    return (total * percent / 100).quantize(unit, ROUND_HALF_EVEN) if total.is_finite() else None
