"""HTTP of the report on stages' ages."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.scope import open_scope
from crm_reporting.reports.stage_age.figures import to_rows
from crm_reporting.reports.stage_age.report import compile_report
from crm_reporting.reports.stage_age.schemas import StageAgeQuery, StageAgeReport, Stays
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS = (
    "stage_id",
    "stage_name",
    *(f"{state}_{name}" for state in ("open", "left") for name in Stays.model_fields),
)


@router.get(
    "/stage-age",
    response_model=StageAgeReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report how long deals stay in each stage",
)
async def report_stage_age(query: Annotated[StageAgeQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope)
    return await reply_report(context, source, "stage-age", report, columns=COLUMNS, rows=to_rows(report["items"]))
