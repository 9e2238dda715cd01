"""HTTP of the response times."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.activity_visibility import open_activity_scope
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.response_times.report import compile_report
from crm_reporting.reports.response_times.schemas import RepResponseTimes, ResponseTimes, ResponseTimesQuery
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import InvalidField, NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)


@router.get(
    "/response-times",
    response_model=ResponseTimes,
    responses=CSV_TOO | problems(NotFound, InvalidField),
    summary="Report how soon customers were answered, and what still waits",
)
async def report_response_times(
    query: Annotated[ResponseTimesQuery, Query()], context: Context, source: Source
) -> Response:
    async with open_activity_scope(source, context.caller, query, now=context.clock.now()) as opened:
        report = await compile_report(*opened)
    return await reply_report(context, source, "response-times", report, columns=tuple(RepResponseTimes.model_fields))
