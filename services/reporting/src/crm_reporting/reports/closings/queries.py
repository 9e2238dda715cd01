"""SQL that reads closed deals by when they closed, for the caller's eyes only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from crm_reporting.exchange_rates.queries import list_rate_days
from crm_reporting.months import first_day_of
from crm_reporting.reports.closings.figures import ClosedGroup, ClosedSum, Group, Grouping, WonSum, to_groups
from crm_reporting.reports.closings.reasons import count_reasons
from crm_reporting.reports.closings.stretches import cut_window
from crm_reporting.reports.closings.sums import sum_of_window
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.zone_days import ZoneDays
from crm_shared.database import Connection, Where

# What closed before it was created took no time.
CLOSED = """
    SELECT d.owner_id, d.contact_id, d.status, d.amount, d.currency,
           {closed_on} AS closed_on,
           GREATEST(d.closed_at - d.created_at, interval '0') AS cycle
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.closed_at >= $3 AND d.closed_at < $4
       AND d.status <> 'OPEN' AND NOT d.is_deleted AND """
WON_ALONE = "d.status = 'WON'"

# Of texts that came equally often the order is the letters', whatever order the database was made with.
GROUP_COLUMNS: Final[Mapping[Grouping, LiteralString]] = {
    "all": "NULL::text",
    "owner": "d.owner_id",
    "month": "date_trunc('month', d.closed_on::timestamp)::date",
    "source": 'c.source COLLATE "C"',
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
MEDIANS = """ AS group_key,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY date_part('epoch', d.cycle)) AS median_cycle_s
      FROM ("""
BY_COUNT = " GROUP BY 1 ORDER BY count(*) DESC, 1"

# Of deals in the report's own currency the day is all one.
SUM_WON = """ AS group_key, d.currency, CASE WHEN d.currency = $5 THEN $6 ELSE d.closed_on END AS closed_on,
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


@dataclass(frozen=True, slots=True)
class Closings:
    """What closed in a window, by group: how many deals and how long they took, and the money that was won."""

    groups: Sequence[ClosedGroup]
    won: Sequence[WonSum]


async def load_closings(
    connection: Connection, scope: Scope, window: Window, grouping: Grouping, *, with_medians: bool = False
) -> Closings:
    """Read what closed in the window, by group; the groups of others than of owners and months are the biggest first.

    By owner or month, or in all, it comes from sums of days, whatever number of deals there is; a median can't be
    added up, and is made of the deals. By source all is. By reason only lost deals are counted, by sums of days too.
    """
    if grouping == "lost_reason":
        return Closings(await count_reasons(connection, scope, window), [])
    if grouping == "source":
        groups = await _count_closed(connection, scope, window, grouping)
        return Closings(groups, await _sum_won(connection, scope, window, grouping))
    by_month = grouping == "month"
    rate_days = await list_rate_days(connection, scope.caller, window.first_day, window.last_day)
    stretches = cut_window(window, scope.time_zone, by_month=by_month, rate_days=rate_days)
    sums = await sum_of_window(connection, scope, stretches, by_owner=grouping == "owner")
    medians = await _find_medians(connection, scope, window, grouping) if with_medians else {}
    keyed: list[tuple[Group, ClosedSum, date]] = []
    for found in sums:
        day = stretches.first_day_of(found.number or 0)
        keyed.append((first_day_of(day) if by_month else found.owner_id, found, day))
    return Closings(
        to_groups(((key, found) for key, found, _ in keyed), medians),
        [
            WonSum(key, found.currency, day, found.deal_count, found.valued_count, found.total_amount)
            for key, found, day in keyed
            if found.status == "WON"
        ],
    )


async def _count_closed(connection: Connection, scope: Scope, window: Window, grouping: Grouping) -> list[ClosedGroup]:
    where = scope.where(window.begin, window.end)
    statement = _by_group(scope, where, grouping, COUNT_CLOSED) + BY_COUNT
    return [ClosedGroup(**row) for row in await connection.fetch(statement, *where.parameters)]


async def _sum_won(connection: Connection, scope: Scope, window: Window, grouping: Grouping) -> list[WonSum]:
    where = scope.where(window.begin, window.end, scope.currency, window.last_day)
    where.add_sql(WON_ALONE)
    statement = _by_group(scope, where, grouping, SUM_WON) + BY_DAY
    return [WonSum(**row) for row in await connection.fetch(statement, *where.parameters)]


async def _find_medians(connection: Connection, scope: Scope, window: Window, grouping: Grouping) -> dict[Group, float]:
    where = scope.where(window.begin, window.end)
    where.add_sql(WON_ALONE)
    statement = _by_group(scope, where, grouping, MEDIANS) + " GROUP BY 1"
    return {row["group_key"]: row["median_cycle_s"] for row in await connection.fetch(statement, *where.parameters)}


def _by_group(scope: Scope, where: Where, grouping: Grouping, figures: LiteralString) -> str:
    closed = CLOSED.format(closed_on=ZoneDays(where, scope.time_zone).day_of("d.closed_at"))
    seen = " UNION ALL ".join(
        closed + branch for branch in scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    )
    join = JOIN_CONTACTS if grouping == "source" else ""
    return "SELECT " + GROUP_COLUMNS[grouping] + figures + seen + ") d" + join


async def list_names(connection: Connection, scope: Scope, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of these users, in people's order. One whom this service has not heard of yet is left out."""
    rows = await connection.fetch(LIST_NAMES, scope.caller.tenant_id, user_ids)
    return {row["id"]: row["full_name"] for row in rows}
