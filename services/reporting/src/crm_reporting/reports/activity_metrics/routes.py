"""HTTP of the activity metrics."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.activity_metrics.report import compile_report
from crm_reporting.reports.activity_metrics.schemas import ActivityMetrics, ActivityMetricsQuery, RepDay, RepResponses
from crm_reporting.reports.activity_visibility import open_activity_scope
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import InvalidField, NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

COLUMNS = tuple(dict.fromkeys((*RepDay.model_fields, *RepResponses.model_fields)))
"""In CSV a rep's responses, those of the whole window, stand on each of their days."""


@router.get(
    "/activity-metrics",
    response_model=ActivityMetrics,
    responses=CSV_TOO | problems(NotFound, InvalidField),
    summary="Report what reps did, day by day, and how their e-mails were answered",
)
async def report_activity_metrics(
    query: Annotated[ActivityMetricsQuery, Query()], context: Context, source: Source
) -> Response:
    async with open_activity_scope(source, context.caller, query, now=context.clock.now()) as opened:
        report = await compile_report(*opened)
    responses = {user["user_id"]: user for user in report["users"]}
    rows = (day | responses[day["user_id"]] for day in report["items"])
    return await reply_report(context, source, "activity-metrics", report, columns=COLUMNS, rows=rows)
