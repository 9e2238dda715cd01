"""HTTP of the win-rate report."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.scope import open_scope, to_recent_window
from crm_reporting.reports.win_rate.report import compile_report
from crm_reporting.reports.win_rate.schemas import WinRateItem, WinRateQuery, WinRateReport
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

BY_OWNER = (*WinRateItem.model_fields, "currency", "missing_rates")
BY_OTHERS = tuple(column for column in BY_OWNER if column != "owner_name")


@router.get(
    "/win-rate",
    response_model=WinRateReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report how many of the deals that closed were won",
)
async def report_win_rate(query: Annotated[WinRateQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope, to_recent_window(query, scope), query.group_by)
    columns = BY_OWNER if query.group_by == "owner" else BY_OTHERS
    return await reply_report(context, source, "win-rate", report, columns=columns)
