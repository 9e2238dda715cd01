"""HTTP of deals."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.deals import commands, lifecycle, queries
from crm_deals.deals.as_of import list_deals_as_of
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
from crm_shared.custom_fields import EntityType
from crm_shared.custom_fields.listing import DESCRIPTION, apply_query
from crm_shared.http.context import Context
from crm_shared.http.cursors import Order, SortField, next_cursor
from crm_shared.http.models import PageQuery
from crm_shared.http.pages import Page
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import InvalidField
from crm_shared.replicas.dependency import ReferenceLookup

router = APIRouter(prefix="/deals", tags=["deals"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("d.created_at", datetime),
    "updated_at": SortField("d.updated_at", datetime),
    "name": SortField("d.name", str),
}
HISTORY_ORDER = Order("version", SortField("version", int), is_descending=False)


@router.post("", response_model=DealState, status_code=201, summary="Create a deal")
async def create_deal(body: CreateDealRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(context.caller)
    deal = await commands.create_deal(command, context.unit_of_work, references, context.clock)
    return context.reply_written("deal", deal, status=201)


@router.get("", response_model=DealPage, summary="List the deals that you may see", description=DESCRIPTION)
async def list_deals(query: Annotated[DealList, Query()], context: Context) -> Response:
    tenant_id = context.caller.tenant_id
    if query.as_of is not None and query.as_of > context.clock.now():
        raise InvalidField.at("?as_of", "lies in the future")
    filters = to_where(query, context.caller)
    async with context.database.read(tenant_id) as connection:
        order = await apply_query(connection, tenant_id, EntityType.DEAL, query, filters, sorts=SORTS, id_column="d.id")
        page = Page(order, query.cursor, query.limit)
        if query.as_of is None:
            rows = await queries.list_deals(connection, context.caller, filters, page)
        else:
            rows = await list_deals_as_of(connection, context.caller, filters, page, query.as_of)
    return context.reply_sorted(rows, order, query.limit)


@router.get("/{deal_id}", response_model=DealState, summary="Get one deal")
async def get_deal(deal_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        deal = await queries.load_deal(connection, context.caller, deal_id)
    return context.reply(deal)


@router.patch("/{deal_id}", response_model=DealState, summary="Change fields of a deal")
async def edit_deal(deal_id: UUID, body: EditDealRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(deal_id, caller=context.caller, expected_version=context.if_match)
    deal = await commands.edit_deal(command, context.unit_of_work, references, context.clock)
    return context.reply_written("deal", deal)


@router.post("/{deal_id}/move", response_model=DealState, summary="Move a deal to another stage")
async def move_deal(deal_id: UUID, body: MoveDealRequest, context: Context) -> Response:
    command = body.to_command(deal_id, caller=context.caller, expected_version=context.if_match)
    deal = await commands.move_deal(command, context.unit_of_work, context.clock)
    return context.reply_written("deal", deal)


@router.delete("/{deal_id}", status_code=204, summary="Delete a deal")
async def delete_deal(deal_id: UUID, context: Context) -> Response:
    command = DeleteDeal(context.caller, deal_id, context.if_match)
    deal = await lifecycle.delete_deal(command, context.unit_of_work, context.clock)
    return context.reply_deleted("deal", deal)


@router.post("/{deal_id}/restore", response_model=DealState, summary="Bring a deleted deal back")
async def restore_deal(deal_id: UUID, context: Context) -> Response:
    command = RestoreDeal(context.caller, deal_id, context.if_match)
    deal = await lifecycle.restore_deal(command, context.unit_of_work, context.clock)
    return context.reply_written("deal", deal)


@router.get("/{deal_id}/history", response_model=HistoryPage, summary="List a deal's stages, oldest first")
async def list_history(deal_id: UUID, query: Annotated[PageQuery, Query()], context: Context) -> Response:
    after = HISTORY_ORDER.value_after(query.cursor, first=0)
    async with context.database.read(context.caller.tenant_id) as connection:
        entries = await queries.list_history(
            connection, context.caller, deal_id, now=context.clock.now(), after_version=after, limit=query.limit
        )
    rows = [{"id": deal_id, **entry} for entry in entries]
    return context.reply_page(
        entries[: query.limit], next_cursor(HISTORY_ORDER, rows, query.limit, value_key="version")
    )
