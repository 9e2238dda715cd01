"""HTTP of threads: the e-mails of one conversation."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.threads import queries
from crm_activities.use_cases.schemas import ActivityPage
from crm_shared.http.context import Context
from crm_shared.http.cursors import to_page
from crm_shared.http.models import PageQuery
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, SortField
from crm_shared.refusals import NotFound

router = APIRouter(prefix="/threads", tags=["threads"], route_class=CrmRoute)

OLDEST_FIRST: Final = Order("occurred_at", SortField("a.occurred_at", datetime), is_descending=False, id_column="a.id")


@router.get(
    "/{thread_id}", response_model=ActivityPage, summary="Read a conversation's e-mails", responses=problems(NotFound)
)
async def read_thread(thread_id: UUID, query: Annotated[PageQuery, Query()], context: Context) -> Response:
    """Answer what you see of it, oldest first. The id of any of its e-mails will do."""
    page = to_page(query, OLDEST_FIRST)
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.read_thread(connection, context.caller, thread_id, page)
    return await context.reply_sorted(rows, page)
