"""SQL that adds up won and open deals by the month in which they close."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from crm_reporting.months import first_day_of, next_month
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.zone_days import ZoneDays
from crm_shared.database import Connection

SUM_MONTHS = """
    SELECT d.month, d.stage_id, d.currency, d.closed_on, sum(d.deal_count)::bigint AS deal_count,
           COALESCE(sum(d.amount), 0) AS amount
      FROM ("""

# Open deals by whole months from the rollup. What is asked for of a month's days alone is read from the facts, and so
# is what a share shows.
OPEN_MONTHS = """
    SELECT d.close_month AS month, d.stage_id, d.currency, NULL::date AS closed_on, d.deal_count,
           d.total_amount AS amount
      FROM deal_rollup d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'OPEN' AND d.close_month >= $3 AND d.close_month < $4
       AND """
OPEN_DAYS = """
    SELECT date_trunc('month', d.close_date::timestamp)::date AS month, d.stage_id, d.currency, NULL::date AS closed_on,
           1 AS deal_count, d.amount
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'OPEN' AND NOT d.is_deleted
       AND d.close_date BETWEEN $5 AND $6 AND """
OF_PARTS = "(d.close_date < $3 OR d.close_date >= $4) AND "

# A won deal counts on the day of its closing. Its rate is that day's too: in other currencies than the report's the
# days are kept apart.
WON = """
    SELECT date_trunc('month', {closed_on}::timestamp)::date AS month, NULL::uuid AS stage_id, d.currency,
           CASE WHEN d.currency <> $9 THEN {closed_on} END AS closed_on,
           1 AS deal_count, d.amount
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'WON' AND NOT d.is_deleted
       AND d.closed_at >= $7 AND d.closed_at < $8 AND """

# The same of a past moment: values of then, today's sight.
PAST = """
    SELECT CASE p.status WHEN 'OPEN' THEN date_trunc('month', p.close_date::timestamp)::date
                ELSE date_trunc('month', {closed_on}::timestamp)::date END AS month,
           CASE p.status WHEN 'OPEN' THEN p.stage_id END AS stage_id, p.currency,
           CASE WHEN p.status = 'WON' AND p.currency <> $7 THEN {closed_on} END AS closed_on,
           1 AS deal_count, p.amount
      FROM deal_periods p
      JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (p.tenant_id, p.deal_id)
     WHERE p.tenant_id = $1 AND p.pipeline_id = $2 AND p.valid_from <= $8 AND (p.valid_to > $8 OR p.valid_to IS NULL)
       AND (p.status = 'OPEN' AND p.close_date BETWEEN $3 AND $4
            OR p.status = 'WON' AND p.closed_at >= $5 AND p.closed_at < $6)
       AND """
GROUPED = ") d GROUP BY 1, 2, 3, 4"


@dataclass(frozen=True, slots=True)
class MonthSum:
    """What the deals of one month amount to in one currency: open ones by stage, won ones without.

    `closed_on`: the day of closing, of won deals in other currencies than the report's.
    """

    month: date
    stage_id: UUID | None
    currency: str
    closed_on: date | None
    deal_count: int
    amount: Decimal


async def sum_months(connection: Connection, scope: Scope, window: Window) -> list[MonthSum]:
    """Add up the deals that close in the window, as they are now."""
    first_whole, after_whole = find_whole_months(window.first_day, window.last_day)
    where = scope.where(
        *(first_whole, after_whole, window.first_day, window.last_day, window.begin, window.end, scope.currency)
    )
    won = WON.format(closed_on=ZoneDays(where, scope.time_zone).day_of("d.closed_at"))
    owned, *shared = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    parts = [OPEN_MONTHS + owned, OPEN_DAYS + OF_PARTS + owned, won + owned]
    parts += [sql + branch for branch in shared for sql in (OPEN_DAYS, won)]
    rows = await connection.fetch(SUM_MONTHS + " UNION ALL ".join(parts) + GROUPED, *where.parameters)
    return [MonthSum(**row) for row in rows]


async def sum_past_days(connection: Connection, scope: Scope, window: Window) -> list[MonthSum]:
    """Add up the deals that closed, or were to close, in the window as they were at the scope's moment.

    Every deal's past is read: of windows that begin and end with a month `past` adds up sums.
    """
    where = scope.where(*(window.first_day, window.last_day, window.begin, window.end, scope.currency, scope.moment))
    past = PAST.format(closed_on=ZoneDays(where, scope.time_zone).day_of("p.closed_at"))
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id", filtered_column="p.owner_id")
    parts = [past + branch for branch in branches]
    rows = await connection.fetch(SUM_MONTHS + " UNION ALL ".join(parts) + GROUPED, *where.parameters)
    return [MonthSum(**row) for row in rows]


def find_whole_months(first_day: date, last_day: date) -> tuple[date, date]:
    """Return where the months that lie in these days whole begin, and where they are over; the same where none does."""
    first = first_day if first_day.day == 1 else next_month(first_day)
    return first, max(first, first_day_of(last_day + timedelta(days=1)))
