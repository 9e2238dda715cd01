"""Compiles reports: reads under one moment's view, converts, and hands over to the arithmetic."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.reports import pipeline, queries
from crm_reporting.reports.queries import Selection
from crm_reporting.reports.schemas import ReportQuery
from crm_shared.access import Caller
from crm_shared.database import Database


async def compile_pipeline(database: Database, caller: Caller, query: ReportQuery, *, now: datetime) -> dict[str, Any]:
    """Give the pipeline report (semantics.md) of what the caller sees. Raises NotFound for an unknown pipeline.

    Costs the same at any number of deals, but for closed deals in other currencies than the report's.
    """
    currency = query.currency or caller.base_currency
    time_zone = query.time_zone or caller.time_zone
    today = now.astimezone(ZoneInfo(time_zone)).date()
    async with database.snapshot(caller.tenant_id) as connection:
        pipeline_id = await queries.load_pipeline_id(connection, caller, query.pipeline_id)
        selection = Selection(pipeline_id, query.owner_id)
        stages = await queries.list_stages(connection, caller, pipeline_id)
        sums = await queries.sum_stages(connection, caller, selection)
        foreign = sorted({found.currency for found in sums if found.is_closed and found.currency != currency})
        closed = (
            await queries.sum_closed(
                connection, caller, selection, currencies=foreign, time_zone=time_zone, today=today
            )
            if foreign
            else []
        )
        amounts = list(pipeline.date_amounts(sums, closed, currency, today=today))
        rates = await load_rates(connection, caller, pipeline.list_rates_wanted(amounts, currency))
    return {
        "pipeline_id": pipeline_id,
        "as_of": now,
        "currency": currency,
        "items": pipeline.to_items(stages, sums, amounts, rates, currency, as_of=now),
        "missing_rates": sorted(rates.missing),
    }
