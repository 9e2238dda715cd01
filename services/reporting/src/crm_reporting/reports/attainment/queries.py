"""SQL that reads quotas, what was won and what is open, user by user, for the caller's eyes only.

A row is a user's, so the user must be in sight beside each deal: others' deals that a share shows have no row to be in.
"""

from uuid import UUID

from crm_reporting.exchange_rates.queries import list_rate_days
from crm_reporting.reports.closings.stretches import cut_window
from crm_reporting.reports.closings.sums import sum_by_winner
from crm_reporting.reports.money import DatedAmount
from crm_reporting.reports.scope import Scope, Window
from crm_shared.database import Connection, Where

# Of amounts in the report's own currency the day is all one.
SUM_QUOTAS = """
    SELECT q.user_id AS key, q.currency, CASE WHEN q.currency = $4 THEN $2 ELSE q.first_day END AS on,
           sum(q.amount) AS amount
      FROM quotas q
     WHERE q.tenant_id = $1 AND q.first_day BETWEEN $2 AND $3 AND """
BY_DAY = " GROUP BY 1, 2, 3"

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
    """Add up what was won in the window, by the owner at the closing, dated by the rates that the days have."""
    rate_days = await list_rate_days(connection, scope.caller, window.first_day, window.last_day)
    stretches = cut_window(window, scope.time_zone, by_month=False, rate_days=rate_days)
    return [
        DatedAmount(found.owner_id, found.total_amount, found.currency, stretches.first_day_of(found.number or 0))
        for found in await sum_by_winner(connection, scope, stretches)
        if found.owner_id is not None
    ]


async def sum_open(connection: Connection, scope: Scope, window: Window) -> list[DatedAmount[UUID]]:
    """Add up the open deals that are to close in the window, by owner, dated today."""
    where = scope.where(window.first_day, window.last_day, scope.today)
    [branch] = scope.list_branches(where, "r.owner_id", contact_id=None)
    return await _fetch(connection, SUM_OPEN + branch + BY_CURRENCY, where)


async def _fetch(connection: Connection, statement: str, where: Where) -> list[DatedAmount[UUID]]:
    return [DatedAmount(**row) for row in await connection.fetch(statement, *where.parameters)]
