"""SQL that reads closed deals by when they closed, for the caller's eyes only."""

from collections.abc import Mapping, Sequence
from typing import Final, LiteralString
from uuid import UUID

from crm_reporting.reports.closings.figures import ClosedGroup, Grouping, WonSum
from crm_reporting.reports.scope import Scope, Window
from crm_shared.database import Connection, Where

MAX_REASONS: Final = 1_000
"""They are free text, so there may be as many as deals: the most frequent ones are given."""

# What closed before it was created took no time.
CLOSED = """
    SELECT d.owner_id, d.contact_id, d.lost_reason, d.status, d.amount, d.currency,
           (d.closed_at AT TIME ZONE $3)::date AS closed_on,
           GREATEST(d.closed_at - d.created_at, interval '0') AS cycle
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.closed_at >= $4 AND d.closed_at < $5
       AND d.status <> 'OPEN' AND NOT d.is_deleted AND """
WON_ALONE = "d.status = 'WON'"
LOST_ALONE = "d.status = 'LOST'"

GROUP_COLUMNS: Final[Mapping[Grouping, LiteralString]] = {
    "all": "NULL::text",
    "owner": "d.owner_id",
    "month": "date_trunc('month', d.closed_on::timestamp)::date",
    "source": "c.source",
    "lost_reason": "d.lost_reason",
}
JOIN_CONTACTS = " LEFT JOIN contacts c ON c.tenant_id = $1 AND c.id = d.contact_id"

# A median can't be added up, so every group's is made of its deals.
COUNT_CLOSED = """ AS group_key,
           count(*) FILTER (WHERE d.status = 'WON') AS won,
           count(*) FILTER (WHERE d.status = 'LOST') AS lost,
           COALESCE(extract(epoch FROM sum(d.cycle) FILTER (WHERE d.status = 'WON')), 0) AS total_cycle_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY date_part('epoch', d.cycle))
             FILTER (WHERE d.status = 'WON') AS median_cycle_s,
           (sum(count(*)) OVER ())::bigint AS closed_in_all
      FROM ("""
BY_COUNT = " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT "

# Of deals in the report's own currency the day is all one.
SUM_WON = """ AS group_key, d.currency, CASE WHEN d.currency = $6 THEN $7 ELSE d.closed_on END AS closed_on,
           count(*) AS won, count(*) FILTER (WHERE d.amount <> 0) AS with_amount,
           COALESCE(sum(d.amount), 0) AS total_amount
      FROM ("""
BY_DAY = " GROUP BY 1, 2, 3"

LIST_NAMES = """
    SELECT u.id, u.full_name
      FROM directory_users u
     WHERE u.tenant_id = $1 AND u.id = ANY($2)
     ORDER BY u.full_name COLLATE people_order, u.id
"""


async def count_closed(connection: Connection, scope: Scope, window: Window, grouping: Grouping) -> list[ClosedGroup]:
    """Count what closed in the window, by group; the biggest groups first. By reason only lost deals."""
    where = scope.where(scope.time_zone, window.begin, window.end)
    limit = None
    if grouping == "lost_reason":
        where.add_sql(LOST_ALONE)
        limit = MAX_REASONS
    statement = _by_group(scope, where, grouping, COUNT_CLOSED) + BY_COUNT + where.number(limit)
    return [ClosedGroup(**row) for row in await connection.fetch(statement, *where.parameters)]


async def sum_won(connection: Connection, scope: Scope, window: Window, grouping: Grouping) -> list[WonSum]:
    """Add up what was won in the window, by group, currency and the day of closing in the report's time zone."""
    where = scope.where(scope.time_zone, window.begin, window.end, scope.currency, window.last_day)
    where.add_sql(WON_ALONE)
    statement = _by_group(scope, where, grouping, SUM_WON) + BY_DAY
    return [WonSum(**row) for row in await connection.fetch(statement, *where.parameters)]


def _by_group(scope: Scope, where: Where, grouping: Grouping, figures: str) -> str:
    seen = " UNION ALL ".join(
        CLOSED + branch for branch in scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    )
    join = JOIN_CONTACTS if grouping == "source" else ""
    return "SELECT " + GROUP_COLUMNS[grouping] + figures + seen + ") d" + join


async def list_names(connection: Connection, scope: Scope, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of these users, in people's order. One whom this service has not heard of yet is left out."""
    rows = await connection.fetch(LIST_NAMES, scope.caller.tenant_id, user_ids)
    return {row["id"]: row["full_name"] for row in rows}
