"""HTTP of the movement report and of the deals behind it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from crm_reporting.replica.sources import ReportRoute, Source
from crm_reporting.reports.answers import CSV_TOO, reply_report
from crm_reporting.reports.movement import queries, report
from crm_reporting.reports.movement.schemas import MovedDealPage, MovementDealsQuery, MovementQuery, MovementReport
from crm_reporting.reports.movement.spans import to_span
from crm_reporting.reports.scope import open_scope
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor, to_page
from crm_shared.http.problems import problems
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/reports/movement", tags=["reports"], route_class=ReportRoute)

COLUMNS: Final = ("bucket", "deal_count", "amount", "weighted", "from", "to", "currency", "missing_rates")
DEAL_COLUMNS: Final = (
    *("deal_id", "name", "owner_id", "amount"),
    *(f"{name}_{end}" for end in ("before", "after") for name in report.VALUES),
    *("bucket", "from", "to", "currency", "missing_rates"),
)


@router.get(
    "",
    response_model=MovementReport,
    responses=CSV_TOO | problems(NotFound),
    summary="Report what turned the open pipeline of one moment into that of another",
)
async def report_movement(query: Annotated[MovementQuery, Query()], context: Context, source: Source) -> Response:
    now = context.clock.now()
    span = to_span(query, now=now)
    async with open_scope(source, context.caller, query, now=now) as (connection, scope):
        found = await report.compile_report(connection, scope, span)
    return await reply_report(context, source, "movement", found, columns=COLUMNS, rows=_list_rows(found))


@router.get(
    "/deals",
    response_model=MovedDealPage,
    responses=CSV_TOO | problems(NotFound),
    summary="List the deals of a bucket, each as it was at both ends",
)
async def list_moved_deals(query: Annotated[MovementDealsQuery, Query()], context: Context, source: Source) -> Response:
    now = context.clock.now()
    span = to_span(query, now=now)
    page = to_page(query, queries.ORDER)
    async with open_scope(source, context.caller, query, now=now) as (connection, scope):
        found, rows = await report.list_deals(connection, scope, span, query.bucket, page)
    cursor = next_cursor(page, rows)
    answer = {**found, "next_cursor": cursor}
    flat = [_flatten(item) for item in found["items"]]
    response = await reply_report(context, source, "movement-deals", answer, columns=DEAL_COLUMNS, rows=flat)
    response.headers.update(context.link_next(cursor))
    return response


def _list_rows(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the CSV's rows: the start, what was added to it, the end."""
    ends = [{"bucket": end, **found[end]} for end in ("start", "end")]
    return [ends[0], *({**item, "weighted": None} for item in found["items"]), ends[1]]


def _flatten(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deal as a row of a CSV."""
    states = {f"{name}_{end}": (item[end] or {}).get(name) for end in ("before", "after") for name in report.VALUES}
    return {**item, **states}
