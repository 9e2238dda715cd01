"""HTTP of pipelines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.pipelines import commands, queries
from crm_deals.pipelines.commands import EnsureDefaultPipeline
from crm_deals.pipelines.schemas import PipelineList, PipelinePage
from crm_shared.contracts.states import PipelineState
from crm_shared.http.context import Context
from crm_shared.http.cursors import SortField, parse_order
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/pipelines", tags=["pipelines"], route_class=CrmRoute)

SORTS = {"created_at": SortField("p.created_at", datetime), "name": SortField("p.name", str)}


@router.get("", response_model=PipelinePage, summary="List pipelines with their stages")
async def list_pipelines(query: Annotated[PipelineList, Query()], context: Context) -> Response:
    order = parse_order(query.sort, SORTS, default="created_at", id_column="p.id")
    tenant_id = context.caller.tenant_id
    async with context.database.read(tenant_id) as connection:
        is_new = not await queries.has_pipelines(connection, context.caller)
    if is_new:
        # A new tenant's first pipeline is made by whoever comes first: the event, or a call that overtook it. With no
        # connection in hand: calls that each hold one and wait for a second would use up the pool.
        ensure = EnsureDefaultPipeline(tenant_id)
        await commands.ensure_default_pipeline(ensure, context.unit_of_work, context.clock)
    async with context.database.read(tenant_id) as connection:
        rows = await queries.list_pipelines(
            connection, context.caller, order=order, cursor=query.cursor, limit=query.limit
        )
    return context.reply_sorted(rows, order, query.limit)


@router.get("/{pipeline_id}", response_model=PipelineState, summary="Get one pipeline")
async def get_pipeline(pipeline_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        pipeline = await queries.load_pipeline(connection, context.caller, pipeline_id)
    return context.reply(pipeline)
