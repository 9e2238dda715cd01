"""SQL that reads quotas, what was won and what is open, user by user, for the caller's eyes only.

A row is a user's, so the user must be in sight beside each deal: others' deals that a share shows have no row to be in.
"""

from uuid import UUID

from crm_reporting.reports.money import DatedAmount
from crm_reporting.reports.scope import Scope, Window
from crm_shared.access.visibility import governed_by
from crm_shared.database import Connection, Where

# Of amounts in the report's own currency the day is all one.
SUM_QUOTAS = """
    SELECT q.user_id AS key, q.currency, CASE WHEN q.currency = $4 THEN $2 ELSE q.first_day END AS on,
           sum(q.amount) AS amount
      FROM quotas q
     WHERE q.tenant_id = $1 AND q.first_day BETWEEN $2 AND $3 AND """
BY_DAY = " GROUP BY 1, 2, 3"

# Who owned a deal when it closed is in the first of its periods that this closing began. All of the window are read at
# once, in their index's order: to look each deal up takes ten times as long.
SUM_WON = """
    WITH closings AS (
        SELECT DISTINCT ON (p.closed_at, p.deal_id) p.closed_at, p.deal_id, p.owner_id
          FROM deal_periods p
         WHERE p.tenant_id = $1 AND p.status = 'WON' AND p.closed_at >= $4 AND p.closed_at < $5
         ORDER BY p.closed_at, p.deal_id, p.valid_from
    )
    SELECT w.owner_id AS key, w.currency, CASE WHEN w.currency = $6 THEN $7 ELSE w.closed_on END AS on,
           COALESCE(sum(w.amount), 0) AS amount
      FROM ("""
# Deals whose past is not known yet are their present owner's; what nobody owned when it closed is nobody's.
WON = """
    SELECT c.owner_id, d.currency, d.amount, (d.closed_at AT TIME ZONE $3)::date AS closed_on
      FROM deal_facts d
      LEFT JOIN closings p ON p.closed_at = d.closed_at AND p.deal_id = d.deal_id
      CROSS JOIN LATERAL (SELECT CASE WHEN p.deal_id IS NULL THEN d.owner_id ELSE p.owner_id END AS owner_id) c
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.closed_at >= $4 AND d.closed_at < $5
       AND d.status = 'WON' AND NOT d.is_deleted AND c.owner_id IS NOT NULL AND """

# A period is whole months, and these are what the rollup knows of close dates.
SUM_OPEN = """
    SELECT r.owner_id AS key, r.currency, $5::date AS on, sum(r.total_amount) AS amount
      FROM deal_rollup r
     WHERE r.tenant_id = $1 AND r.pipeline_id = $2 AND r.status = 'OPEN' AND r.close_month BETWEEN $3 AND $4
       AND r.owner_id IS NOT NULL AND """
BY_CURRENCY = " GROUP BY 1, 2"


async def sum_quotas(connection: Connection, scope: Scope, window: Window) -> list[DatedAmount[UUID]]:
    """Add up the window's quotas by user, each dated on its month's first day."""
    where = Where(scope.caller.tenant_id, window.first_day, window.last_day, scope.currency)
    [branch] = scope.list_branches(where, "q.user_id", contact_id=None)
    return await _fetch(connection, SUM_QUOTAS + branch + BY_DAY, where)


async def sum_won(connection: Connection, scope: Scope, window: Window) -> list[DatedAmount[UUID]]:
    """Add up what was won in the window, by the owner at the closing and the day of it in the report's time zone."""
    where = scope.where(scope.time_zone, window.begin, window.end, scope.currency, window.last_day)
    where.add_sql(governed_by(where, scope.caller, "c.owner_id"))
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id", filtered_column="c.owner_id")
    seen = " UNION ALL ".join(WON + branch for branch in branches)
    return await _fetch(connection, SUM_WON + seen + ") w" + BY_DAY, where)


async def sum_open(connection: Connection, scope: Scope, window: Window) -> list[DatedAmount[UUID]]:
    """Add up the open deals that are to close in the window, by owner, dated today."""
    where = scope.where(window.first_day, window.last_day, scope.today)
    [branch] = scope.list_branches(where, "r.owner_id", contact_id=None)
    return await _fetch(connection, SUM_OPEN + branch + BY_CURRENCY, where)


async def _fetch(connection: Connection, statement: str, where: Where) -> list[DatedAmount[UUID]]:
    return [DatedAmount(**row) for row in await connection.fetch(statement, *where.parameters)]
