"""Puts the pipeline report together: reads, converts, and hands over to the arithmetic."""

from typing import Any

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.pipeline import figures, queries
from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stages import list_stages, list_stages_as_of
from crm_shared.database import Connection


async def compile_report(connection: Connection, scope: Scope) -> dict[str, Any]:
    """Return the pipeline report (semantics.md) of what the caller sees.

    Costs the same at any number of deals: what closed in other currencies than the report's is added up by day, and a
    past moment from sums of months and days.
    """
    currency = scope.currency
    if scope.as_of is None:
        stages = await list_stages(connection, scope)
        sums = await queries.sum_stages(connection, scope)
        foreign = sorted({found.currency for found in sums if found.is_closed and found.currency != currency})
        closed = await queries.sum_closed(connection, scope, currencies=foreign) if foreign else []
    else:
        stages = await list_stages_as_of(connection, scope, scope.as_of)
        sums, closed = await queries.sum_past(connection, scope)
    amounts = list(figures.date_amounts(sums, closed, currency, today=scope.today))
    rates = await load_rates(connection, scope.caller, list_rates_wanted(amounts, currency))
    return {
        "pipeline_id": scope.pipeline_id,
        "as_of": scope.moment,
        "currency": currency,
        "items": figures.to_items(stages, sums, amounts, rates, currency, as_of=scope.moment),
        "missing_rates": sorted(rates.missing),
    }
