"""Puts the attainment report together: reads, converts, and hands over to the arithmetic."""

from typing import Any

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.months import first_day_of, last_day_of, write_month
from crm_reporting.reports.attainment import figures, queries
from crm_reporting.reports.attainment.schemas import AttainmentQuery
from crm_reporting.reports.closings.queries import list_names
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.scope import Scope, Window, to_window
from crm_shared.database import Connection


def to_months(query: AttainmentQuery, scope: Scope) -> Window:
    """Read the query's months: by default the present one, or from there to the one that is named.

    Raises InvalidField where the last month lies before the first.
    """
    return to_window(
        query,
        scope,
        default_first=first_day_of(min(scope.today, query.to or scope.today)),
        default_last=last_day_of(max(scope.today, query.from_ or scope.today)),
    )


async def compile_report(connection: Connection, scope: Scope, window: Window) -> dict[str, Any]:
    """Return the attainment report (semantics.md) of the users whom the caller sees."""
    sums = figures.Sums(
        quotas=await queries.sum_quotas(connection, scope, window),
        won=await queries.sum_won(connection, scope, window),
        open=await queries.sum_open(connection, scope, window),
    )
    names = await list_names(connection, scope, sums.user_ids)
    rates = await load_rates(connection, scope.caller, list_rates_wanted(sums.amounts, scope.currency))
    items, total = figures.to_rows(sums, rates, scope.currency, names=names)
    return {
        "pipeline_id": scope.pipeline_id,
        "as_of": scope.now,
        "from": write_month(window.first_day),
        "to": write_month(window.last_day),
        "currency": scope.currency,
        "items": items,
        "total": total,
        "missing_rates": sorted(rates.missing),
    }
