"""HTTP of reports."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from crm_reporting.parts import ReadDatabase
from crm_reporting.reports import compilation
from crm_reporting.reports.schemas import PipelineReport, PipelineReportItem, ReportQuery
from crm_reporting.reports.spreadsheets import CSV, prefers_csv, reply_csv
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=CrmRoute)

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}}},
}
PIPELINE_COLUMNS = (*PipelineReportItem.model_fields, "currency", "missing_rates")


@router.get(
    "/pipeline",
    response_model=PipelineReport,
    responses=ANSWERS | problems(NotFound),
    summary="Report a pipeline stage by stage",
)
async def report_pipeline(
    query: Annotated[ReportQuery, Query()], context: Context, read_database: ReadDatabase
) -> Response:
    report = await compilation.compile_pipeline(read_database, context.caller, query, now=context.clock.now())
    if not prefers_csv(context.request.headers.get("accept")):
        return context.reply_json(report)
    shared = {"currency": report["currency"], "missing_rates": " ".join(report["missing_rates"])}
    return reply_csv("pipeline", PIPELINE_COLUMNS, [{**item, **shared} for item in report["items"]])
