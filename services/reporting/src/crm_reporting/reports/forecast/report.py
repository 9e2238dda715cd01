"""Puts the forecast together."""

from datetime import timedelta
from typing import Any

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.months import first_day_of, next_month
from crm_reporting.reports.forecast import figures, past, queries
from crm_reporting.reports.forecast.schemas import ForecastQuery
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.scope import Scope, Window, to_window
from crm_reporting.reports.stages import list_stages, list_stages_as_of
from crm_shared.database import Connection

MONTHS = 12
ONE_DAY = timedelta(days=1)


def find_window(query: ForecastQuery, scope: Scope) -> Window:
    """Read the days asked for. Raises InvalidField where they end before they begin."""
    first = first_day_of(query.from_ or scope.today)
    last = first
    for _ in range(MONTHS):
        last = next_month(last)
    return to_window(query, scope, default_first=first, default_last=last - ONE_DAY)


async def compile_report(connection: Connection, scope: Scope, query: ForecastQuery) -> dict[str, Any]:
    """Return the forecast (semantics.md) of what the caller sees, now or at the scope's moment."""
    window = find_window(query, scope)
    if scope.as_of is None:
        stages = await list_stages(connection, scope)
        sums = await queries.sum_months(connection, scope, window)
    else:
        stages = await list_stages_as_of(connection, scope, scope.as_of)
        months = queries.find_whole_months(window.first_day, window.last_day)
        is_of_months = months == (window.first_day, window.last_day + ONE_DAY)
        sums = await (past.sum_past_months if is_of_months else queries.sum_past_days)(connection, scope, window)
    probabilities = {stage.id: stage.win_probability for stage in stages}
    amounts = list(figures.date_amounts(sums, probabilities, today=scope.today))
    rates = await load_rates(connection, scope.caller, list_rates_wanted(amounts, scope.currency))
    return {
        "pipeline_id": scope.pipeline_id,
        "as_of": scope.moment,
        "currency": scope.currency,
        "items": figures.to_items(sums, amounts, rates, scope.currency),
        "missing_rates": sorted(rates.missing),
    }
