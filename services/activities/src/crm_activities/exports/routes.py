"""HTTP of the export."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from crm_activities.exports.files import COLUMNS, to_lines
from crm_activities.use_cases.routes import read_page
from crm_activities.use_cases.schemas import ActivityList
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor
from crm_shared.http.exports import EXPORT_ANSWER, ExportOptions, Lines, choose_fields, reply_file, require_whole
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/exports", tags=["exports"], route_class=CrmRoute)

PAGE_ROWS = 1000


class ActivityExport(ActivityList, ExportOptions):
    """The list's filters, and which columns."""


@router.get(
    "/activities.csv",
    response_class=Response,
    responses={**EXPORT_ANSWER, **problems()},
    summary="Download the activities that you may see",
)
async def export_activities(query: Annotated[ActivityExport, Query()], context: Context) -> Response:
    require_whole(query)
    columns = choose_fields(query.fields, COLUMNS)
    whole = query.model_copy(update={"limit": PAGE_ROWS})

    async def read(cursor: str | None) -> Lines:
        async with context.database.read(context.caller.tenant_id) as connection:
            rows, page = await read_page(connection, context.caller, whole.model_copy(update={"cursor": cursor}))
            lines = await to_lines(connection, context.caller, rows[:PAGE_ROWS], columns)
        return lines, next_cursor(page, rows)

    return await reply_file(context, "activities", columns, read, excel=query.excel)
