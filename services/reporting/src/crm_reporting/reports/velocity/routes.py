"""HTTP of the velocity report."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.scope import open_scope, to_recent_window
from crm_reporting.reports.velocity.report import compile_report
from crm_reporting.reports.velocity.schemas import VelocityItem, VelocityQuery, VelocityReport
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports", tags=["reports"], route_class=ReportRoute)

BY_OWNER = (*VelocityItem.model_fields, "currency", "missing_rates")
BY_OTHERS = tuple(column for column in BY_OWNER if column != "owner_name")


@router.get(
    "/velocity",
    response_model=VelocityReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report how much money the pipeline brings a day",
)
async def report_velocity(query: Annotated[VelocityQuery, Query()], context: Context, source: Source) -> Response:
    async with open_scope(source, context.caller, query, now=context.clock.now()) as (connection, scope):
        report = await compile_report(connection, scope, to_recent_window(query, scope), query.group_by)
    columns = BY_OWNER if query.group_by == "owner" else BY_OTHERS
    return await reply_report(context, source, "velocity", report, columns=columns)
