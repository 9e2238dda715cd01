"""HTTP of deals."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.deals import commands, lifecycle, queries
from crm_deals.deals.as_of import select_deals_as_of
from crm_deals.deals.domain import DealNotFound, DealNotYours, DuplicateExternalId, InvalidStage, PipelineArchived
from crm_deals.deals.filters import to_where
from crm_deals.deals.lifecycle import DeleteDeal, RestoreDeal
from crm_deals.deals.schemas import (
    CreateDealRequest,
    DealList,
    DealPage,
    EditDealRequest,
    HistoryPage,
    MoveDealRequest,
)
from crm_shared.contracts.states import DealState
from crm_shared.database import Connection, Where
from crm_shared.database.collations import PEOPLE_ORDER
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.definitions import UnknownCustomField
from crm_shared.features.custom_fields.listing import DESCRIPTION, apply_query
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import next_cursor, to_page
from crm_shared.http.models import PageQuery
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, Page, Rows, SortField
from crm_shared.refusals import Forbidden, InvalidField, StaleVersion, UnknownReference

router = APIRouter(prefix="/deals", tags=["deals"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("d.created_at", datetime),
    "updated_at": SortField("d.updated_at", datetime),
    "name": SortField("d.name", str, PEOPLE_ORDER),
}
HISTORY_ORDER = Order("version", SortField("version", int), is_descending=False)


@router.post(
    "",
    response_model=DealState,
    status_code=201,
    summary="Create a deal",
    responses=problems(UnknownReference, UnknownCustomField, InvalidStage, DuplicateExternalId),
)
async def create_deal(body: CreateDealRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(context.caller)
    deal = await commands.create_deal(command, context.unit_of_work, references, context.clock)
    return context.reply_written("deal", deal, status=201)


@router.get(
    "",
    response_model=DealPage,
    summary="List the deals that you may see",
    responses=problems(),
    description=DESCRIPTION,
)
async def list_deals(query: Annotated[DealList, Query()], context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        rows, page = await read_page(connection, context, query)
    return await context.reply_sorted(rows, page)


async def read_page(connection: Connection, context: RequestContext, query: DealList) -> tuple[Rows, Page]:
    """Return the rows that a list's parameters ask for, one beyond the page. Raises InvalidField."""
    tenant_id = context.caller.tenant_id
    if query.as_of is not None and query.as_of > context.clock.now():
        raise InvalidField.at("?as_of", "lies in the future")
    if query.as_of is not None and query.next_step is not None:
        raise InvalidField.at("?next_step", "is asked of the present alone, not with as_of")
    filters = to_where(query, context.caller)
    page = await apply_query(connection, tenant_id, EntityType.DEAL, query, filters, sorts=SORTS, id_column="d.id")
    return await _fetch(connection, query, context, filters, page), page


async def _fetch(connection: Connection, query: DealList, context: RequestContext, filters: Where, page: Page) -> Rows:
    if query.as_of is not None:
        statement = select_deals_as_of(context.caller, filters, page, query.as_of)
    elif query.next_step is not None:
        now = context.clock.now()
        statement = queries.select_deals_by_next_step(context.caller, filters, page, query.next_step, now=now)
    else:
        statement = queries.select_deals(context.caller, filters, page)
    return await statement.fetch(connection)


@router.get("/{deal_id}", response_model=DealState, summary="Get one deal", responses=problems(DealNotFound))
async def get_deal(deal_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        deal = await queries.load_deal(connection, context.caller, deal_id)
    return context.reply(deal)


@router.patch(
    "/{deal_id}",
    response_model=DealState,
    summary="Change fields of a deal",
    responses=problems(
        DealNotFound,
        DealNotYours,
        StaleVersion,
        UnknownReference,
        UnknownCustomField,
        InvalidStage,
        DuplicateExternalId,
    ),
)
async def edit_deal(deal_id: UUID, body: EditDealRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(deal_id, caller=context.caller, expected_version=context.if_match)
    deal = await commands.edit_deal(command, context.unit_of_work, references, context.clock)
    return context.reply_written("deal", deal)


@router.post(
    "/{deal_id}/move",
    response_model=DealState,
    summary="Move a deal to another stage",
    responses=problems(DealNotFound, DealNotYours, Forbidden, StaleVersion, InvalidStage),
)
async def move_deal(deal_id: UUID, body: MoveDealRequest, context: Context) -> Response:
    command = body.to_command(deal_id, caller=context.caller, expected_version=context.if_match)
    deal = await commands.move_deal(command, context.unit_of_work, context.clock)
    return context.reply_written("deal", deal)


@router.delete(
    "/{deal_id}", status_code=204, summary="Delete a deal", responses=problems(DealNotFound, DealNotYours, StaleVersion)
)
async def delete_deal(deal_id: UUID, context: Context) -> Response:
    command = DeleteDeal(context.caller, deal_id, context.if_match)
    deal = await lifecycle.delete_deal(command, context.unit_of_work, context.clock)
    return context.reply_deleted("deal", deal)


@router.post(
    "/{deal_id}/restore",
    response_model=DealState,
    summary="Bring a deleted deal back",
    responses=problems(DealNotFound, DealNotYours, StaleVersion, PipelineArchived, DuplicateExternalId),
)
async def restore_deal(deal_id: UUID, context: Context) -> Response:
    command = RestoreDeal(context.caller, deal_id, context.if_match)
    deal = await lifecycle.restore_deal(command, context.unit_of_work, context.clock)
    return context.reply_written("deal", deal)


@router.get(
    "/{deal_id}/history",
    response_model=HistoryPage,
    summary="List a deal's stages, oldest first",
    responses=problems(DealNotFound),
)
async def list_history(deal_id: UUID, query: Annotated[PageQuery, Query()], context: Context) -> Response:
    page = to_page(query, HISTORY_ORDER)
    async with context.database.read(context.caller.tenant_id) as connection:
        entries = await queries.list_history(connection, context.caller, deal_id, now=context.clock.now(), page=page)
    rows = [{"id": deal_id, **entry} for entry in entries]
    return await context.reply_page(entries[: page.limit], next_cursor(page, rows))
