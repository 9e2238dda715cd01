"""HTTP of the pipeline report."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.pipeline.report import compile_report
from crm_reporting.reports.pipeline.schemas import PipelineReport, PipelineReportItem
from crm_reporting.reports.schemas import AsOfQuery
from crm_reporting.reports.scope import open_scope
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS = (*PipelineReportItem.model_fields, "currency", "missing_rates")


@router.get(
    "/pipeline",
    response_model=PipelineReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report a pipeline stage by stage, now or at a past moment",
)
async def report_pipeline(query: Annotated[AsOfQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope)
    return await reply_report(context, source, "pipeline", report, columns=COLUMNS)
