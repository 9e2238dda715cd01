"""HTTP of the attainment report."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.attainment.figures import to_csv_rows
from crm_reporting.reports.attainment.report import compile_report, to_months
from crm_reporting.reports.attainment.schemas import AttainmentQuery, AttainmentReport
from crm_reporting.reports.scope import open_scope
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS: Final = (
    "user_id",
    "user_name",
    "quota",
    "won",
    "attainment",
    "attainment_reason",
    "open",
    "coverage",
    "coverage_reason",
    "from",
    "to",
    "currency",
    "missing_rates",
)


@router.get(
    "/attainment",
    response_model=AttainmentReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report what each rep has won of their quota",
)
async def report_attainment(query: Annotated[AttainmentQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope, to_months(query, scope))
    return await reply_report(context, source, "attainment", report, columns=COLUMNS, rows=to_csv_rows(report["items"]))
