"""HTTP of the forecast."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.forecast.report import compile_report
from crm_reporting.reports.forecast.schemas import ForecastItem, ForecastQuery, ForecastReport
from crm_reporting.reports.scope import open_scope
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS = (*ForecastItem.model_fields, "currency", "missing_rates")


@router.get(
    "/forecast",
    response_model=ForecastReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Forecast won and open deals by the month in which they close",
)
async def report_forecast(query: Annotated[ForecastQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope, query)
    return await reply_report(context, source, "forecast", report, columns=COLUMNS)
