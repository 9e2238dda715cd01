"""HTTP of the conversion report."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.conversion.report import InvalidStage, compile_report
from crm_reporting.reports.conversion.schemas import ConversionQuery, ConversionReport, PairReport
from crm_reporting.reports.scope import open_scope
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS = (
    *("from_stage_id", "from_stage_name", "to_stage_id", "to_stage_name"),
    *("entered", "converted", "rate", "median_days", "open"),
)


@router.get(
    "/conversion",
    response_model=ConversionReport | PairReport,
    responses=CSV_TOO | problems(NotFound, InvalidStage),
    summary="Report how many deals came from stage to stage",
)
async def report_conversion(query: Annotated[ConversionQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        compiled = await compile_report(connection, scope, query)
    return await reply_report(context, source, "conversion", compiled.report, columns=COLUMNS, rows=compiled.rows)
