"""SQL that adds up the forecast of a past moment, by whole months, for the caller's eyes only.

As the pipeline of a past moment (`reports/standing.py`) it is the sums of months and days of UTC
(`history/forecasts.py`), and of the moment's own day the periods that began or ended by then.
"""

from datetime import UTC, datetime, time
from typing import Final

from crm_reporting.exchange_rates.queries import list_rate_days
from crm_reporting.months import first_day_of
from crm_reporting.reports import past_periods
from crm_reporting.reports.closings.stretches import Stretches, cut_window
from crm_reporting.reports.forecast.queries import MonthSum
from crm_reporting.reports.past_periods import NOON
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.seen_owners import seek_sums
from crm_shared.database import Connection, Where

SUMMED: Final = """
    SELECT s.month, s.stage_id, s.currency, s.number, sum(s.deal_count)::bigint AS deal_count, sum(s.amount) AS amount
      FROM ("""
# Of won deals the stretches of the window are counted, which are numbered from 1 on; $9 and $10 are where they begin.
BY_MONTH: Final = """) s
     WHERE s.stage_id IS NOT NULL OR s.number BETWEEN 1 AND $8
     GROUP BY 1, 2, 3, 4
    HAVING sum(s.deal_count) <> 0"""

# $3 is the moment, $4 the midnight of UTC before it, $5 its day there; $6 and $7 are the window's days.
ROLLED: Final = """
    SELECT CASE WHEN r.stage_id IS NOT NULL THEN r.closes_on END AS month, r.stage_id, r.currency,
           CASE WHEN r.stage_id IS NULL THEN width_bucket(r.closes_on, $10::date[]) END AS number, r.deal_count,
           r.total_amount AS amount
      FROM forecast_rollup r
     WHERE r.tenant_id = $1 AND r.pipeline_id = $2 AND r.closes_on BETWEEN {first} AND {last}
       AND (r.stage_id IS NULL OR r.closes_on BETWEEN $6 AND $7) AND {of_time} AND {seen}"""
OF_MONTHS: Final = "r.is_month AND r.first_day < date_trunc('month', $5::date::timestamp)::date"
OF_DAYS: Final = """NOT r.is_month AND r.first_day >= date_trunc('month', $5::date::timestamp)::date
       AND r.first_day < $5::date"""

IS_ASKED_FOR: Final = """(p.status = 'OPEN' AND p.close_date BETWEEN $6::date AND $7::date
            OR p.status = 'WON' AND p.closed_at IS NOT NULL)"""
OF_PERIOD: Final = """CASE WHEN p.status = 'OPEN' THEN date_trunc('month', p.close_date::timestamp)::date END,
           CASE WHEN p.status = 'OPEN' THEN p.stage_id END, p.currency,
           CASE WHEN p.status = 'WON' THEN width_bucket({at}, $9::timestamptz[]) END, p.sign,
           p.sign * COALESCE(p.amount, 0)"""
# One probe for each period's deal, whatever the planner knows of the rows.
SINCE_MIDNIGHT: Final = (
    "SELECT "  # noqa: S608 - texts of ours
    + OF_PERIOD.format(at=NOON)
    + past_periods.SINCE_MIDNIGHT
    + """
     CROSS JOIN LATERAL (
        SELECT f.owner_id FROM deal_facts f WHERE f.tenant_id = $1 AND f.deal_id = p.deal_id OFFSET 0) d
     WHERE p.pipeline_id = $2 AND """
)
# What was won in a day of UTC was put where the day's noon is: what closed beyond a cut is moved over.
AT_EDGES: Final = """
    SELECT NULL::date, NULL::uuid, p.currency, s.number, s.sign, s.sign * COALESCE(p.amount, 0)
      FROM unnest({begins}::timestamptz[], {ends}::timestamptz[], {of_rates}::boolean[])
           AS e (begins_at, ends_at, is_of_rates)
     CROSS JOIN LATERAL (
        SELECT c.*
          FROM deal_periods c
         WHERE c.tenant_id = $1 AND c.pipeline_id = $2 AND c.status <> 'OPEN' AND c.status = 'WON'
           AND c.closed_at >= e.begins_at AND c.closed_at < e.ends_at
           AND c.valid_from <= $3::timestamptz AND (c.valid_to > $3::timestamptz OR c.valid_to IS NULL)
           AND (NOT e.is_of_rates OR c.currency <> {currency})
        OFFSET 0) p
     CROSS JOIN LATERAL (
        SELECT f.owner_id FROM deal_facts f WHERE f.tenant_id = $1 AND f.deal_id = p.deal_id OFFSET 0) d
     CROSS JOIN LATERAL (
        VALUES (1, width_bucket(p.closed_at, $9::timestamptz[])), (-1, width_bucket({noon}, $9::timestamptz[]))
        ) AS s (sign, number)
     WHERE """
# What a contact's share alone shows, deal by deal: sums know no contacts.
SHARED: Final = "SELECT " + OF_PERIOD.format(at="p.closed_at") + past_periods.OF_EACH_DEAL


async def sum_past_months(connection: Connection, scope: Scope, window: Window) -> list[MonthSum]:
    """Add up the deals that closed, or were to close, in the window as they were at the scope's moment.

    The window begins and ends with a month: of an open deal no more is kept than in which month it was to close.
    """
    rate_days = await list_rate_days(connection, scope.caller, window.first_day, window.last_day)
    stretches = cut_window(window, scope.time_zone, by_month=True, rate_days=rate_days)
    where = _begin(scope, window, stretches)
    statement = SUMMED + " UNION ALL ".join(_list_parts(scope, window, stretches, where)) + BY_MONTH
    sums = []
    for row in await connection.fetch(statement, *where.parameters):
        month, closed_on = row["month"], None
        if row["stage_id"] is None:
            day = stretches.first_day_of(row["number"])
            month, closed_on = first_day_of(day), None if row["currency"] == scope.currency else day
        sums.append(MonthSum(month, row["stage_id"], row["currency"], closed_on, row["deal_count"], row["amount"]))
    return sums


def _begin(scope: Scope, window: Window, stretches: Stretches) -> Where:
    day = scope.moment.astimezone(UTC).date()
    return scope.where(
        *(scope.moment, datetime.combine(day, time.min, UTC), day, window.first_day, window.last_day),
        *(len(stretches.first_days), stretches.cuts, stretches.home_days),
    )


def _list_parts(scope: Scope, window: Window, stretches: Stretches, where: Where) -> list[str]:
    first, last = (stretches.cuts[end].astimezone(UTC).date() for end in (0, -1))
    rolled = {
        "first": where.number(min(first, window.first_day)),
        "last": where.number(max(last, window.last_day)),
        "seen": seek_sums(where, scope, held_by="r.held_by"),
    }
    owned, *shared = scope.list_branches(
        where.fork().add_sql(IS_ASKED_FOR), "d.owner_id", contact_id="d.contact_id", filtered_column="p.owner_id"
    )
    parts = [ROLLED.format(of_time=of_time, **rolled) for of_time in (OF_MONTHS, OF_DAYS)]
    parts += [SINCE_MIDNIGHT + owned, *(SHARED + branch for branch in shared)]
    if stretches.edges:
        begins, ends, of_rates = (
            where.number([getattr(edge, name) for edge in stretches.edges]) for name in ("begin", "end", "is_of_rates")
        )
        currency = where.number(scope.currency)
        edges = AT_EDGES.format(begins=begins, ends=ends, of_rates=of_rates, currency=currency, noon=NOON)
        [seen] = scope.list_branches(where.fork(), "d.owner_id", contact_id=None, filtered_column="p.owner_id")
        parts.append(edges + seen)
    return parts
