"""HTTP of the export."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from crm_deals.deals.routes import read_page
from crm_deals.deals.schemas import DealList
from crm_deals.exports.files import list_headers, to_lines
from crm_shared.features.custom_fields import EntityType, read_definitions
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor
from crm_shared.http.exports import (
    EXPORT_ANSWER,
    ExportOptions,
    Lines,
    choose_fields,
    reply_file,
    require_whole,
)
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/exports", tags=["exports"], route_class=CrmRoute)

PAGE_ROWS: Final = 1000


class DealExport(DealList, ExportOptions):
    """The list's filters, and which columns."""


@router.get(
    "/deals.csv",
    response_class=Response,
    responses={**EXPORT_ANSWER, **problems()},
    summary="Download the deals that you may see",
)
async def export_deals(query: Annotated[DealExport, Query()], context: Context) -> Response:
    require_whole(query)
    tenant_id = context.caller.tenant_id
    async with context.database.read(tenant_id) as connection:
        definitions = await read_definitions(connection, tenant_id, EntityType.DEAL)
    columns = choose_fields(query.fields, list_headers(definitions))
    whole = query.model_copy(update={"limit": PAGE_ROWS})

    async def read(cursor: str | None) -> Lines:
        async with context.database.read(tenant_id) as connection:
            rows, page = await read_page(connection, context, whole.model_copy(update={"cursor": cursor}))
            lines = await to_lines(connection, context.caller, rows[:PAGE_ROWS], columns)
        return lines, next_cursor(page, rows)

    return await reply_file(context, "deals", columns, read, excel=query.excel)
