"""HTTP of timelines: all that was done with a contact, for a deal or with a company, newest first."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.activities import queries
from crm_activities.activities.timeline_order import DEAL_VERSION, TIMELINE
from crm_activities.activities.timelines import (
    Window,
    select_company_timeline,
    select_contact_timeline,
    select_deal_timeline,
)
from crm_activities.use_cases.filters import to_window
from crm_activities.use_cases.schemas import ActivityPage, TimelineQuery
from crm_shared.access import Caller
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.features.replicas.references import Reference, References
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import to_page
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import ListStatement, Page
from crm_shared.refusals import NotFound, UnknownReference

router = APIRouter(prefix="/timelines", tags=["timelines"], route_class=CrmRoute)


@router.get(
    "/contacts/{contact_id}",
    response_model=ActivityPage,
    summary="Read a contact's timeline",
    responses=problems(NotFound),
)
async def read_contact_timeline(
    contact_id: UUID, query: Annotated[TimelineQuery, Query()], context: Context, references: ReferenceLookup
) -> Response:
    window = await _to_window(context, query)
    await _require_visible(references, context.caller, "contact", contact_id)
    page = to_page(query, TIMELINE)
    return await _reply(context, page, select_contact_timeline(context.caller.tenant_id, contact_id, window, page))


@router.get(
    "/deals/{deal_id}", response_model=ActivityPage, summary="Read a deal's timeline", responses=problems(NotFound)
)
async def read_deal_timeline(
    deal_id: UUID, query: Annotated[TimelineQuery, Query()], context: Context, references: ReferenceLookup
) -> Response:
    window = await _to_window(context, query)
    await _require_visible(references, context.caller, "deal", deal_id)
    page = to_page(query, TIMELINE)
    return await _reply(context, page, select_deal_timeline(context.caller.tenant_id, deal_id, window, page))


@router.get(
    "/companies/{company_id}",
    response_model=ActivityPage,
    summary="Read a company's timeline",
    description="That of its present contacts and deals in one, as far as the caller sees them.",
    responses=problems(NotFound),
)
async def read_company_timeline(
    company_id: UUID, query: Annotated[TimelineQuery, Query()], context: Context, references: ReferenceLookup
) -> Response:
    window = await _to_window(context, query)
    await _require_visible(references, context.caller, "company", company_id)
    page = to_page(query, TIMELINE)
    return await _reply(context, page, select_company_timeline(context.caller, company_id, window, page))


async def _to_window(context: RequestContext, query: TimelineQuery) -> Window:
    zone = context.caller.time_zone
    if query.names_a_day:
        async with context.database.read(context.caller.tenant_id) as connection:
            zone = await queries.find_zone(connection, context.caller)
    return to_window(query, zone=zone)


async def _require_visible(references: References, caller: Caller, aggregate: str, record_id: UUID) -> None:
    """Raise NotFound unless the caller sees the record; one made a moment ago is asked of its owner."""
    try:
        await references.require(caller, Reference("", aggregate, record_id))
    except UnknownReference:
        raise NotFound(f"There is no such {aggregate}.") from None


async def _reply(context: RequestContext, page: Page, statement: ListStatement) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await statement.fetch(connection)
    return await context.reply_sorted(rows, page, hidden={DEAL_VERSION})
