"""HTTP of timelines: all that was done with a contact or for a deal, newest first."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.activities import queries
from crm_activities.activities.filters import to_timeline_where
from crm_activities.activities.schemas import ActivityPage, TimelineQuery
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import Order, SortField
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import NotFound, UnknownReference
from crm_shared.replicas.dependency import ReferenceLookup
from crm_shared.replicas.references import Reference, References

router = APIRouter(prefix="/timelines", tags=["timelines"], route_class=CrmRoute)

ORDER = Order("-occurred_at", SortField("a.occurred_at", datetime), is_descending=True, id_column="a.id")


@router.get("/contacts/{contact_id}", response_model=ActivityPage, summary="Read a contact's timeline")
async def read_contact_timeline(
    contact_id: UUID, query: Annotated[TimelineQuery, Query()], context: Context, references: ReferenceLookup
) -> Response:
    where = to_timeline_where(query, context.caller).add("a.contact_id = {}", contact_id)
    await _require_in_sight(references, context.caller, "contact", contact_id)
    return await _reply_timeline(context, where, query)


@router.get("/deals/{deal_id}", response_model=ActivityPage, summary="Read a deal's timeline")
async def read_deal_timeline(
    deal_id: UUID, query: Annotated[TimelineQuery, Query()], context: Context, references: ReferenceLookup
) -> Response:
    where = to_timeline_where(query, context.caller).add("a.deal_id = {}", deal_id)
    await _require_in_sight(references, context.caller, "deal", deal_id)
    return await _reply_timeline(context, where, query)


async def _require_in_sight(references: References, caller: Caller, aggregate: str, record_id: UUID) -> None:
    """Raise NotFound unless the caller sees the record; one made a moment ago is asked of its owner."""
    try:
        await references.require(caller, Reference("", aggregate, record_id))
    except UnknownReference:
        raise NotFound(f"There is no such {aggregate}.") from None


async def _reply_timeline(context: RequestContext, where: Where, query: TimelineQuery) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.list_timeline(connection, where, order=ORDER, cursor=query.cursor, limit=query.limit)
    return context.reply_sorted(rows, ORDER, query.limit)
