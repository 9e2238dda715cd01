"""HTTP of the leaderboard."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.leaderboard.report import compile_report, to_month_window
from crm_reporting.reports.leaderboard.schemas import LeaderboardItem, LeaderboardQuery, LeaderboardReport
from crm_reporting.reports.scope import open_scope
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS = (*LeaderboardItem.model_fields, "currency", "missing_rates")


@router.get(
    "/leaderboard",
    response_model=LeaderboardReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report what each rep has won",
)
async def report_leaderboard(query: Annotated[LeaderboardQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope, to_month_window(query, scope))
    return await reply_report(context, source, "leaderboard", report, columns=COLUMNS)
