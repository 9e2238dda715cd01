"""HTTP of pipelines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.pipelines import commands, queries
from crm_deals.pipelines.commands import EditPipeline, EnsureDefaultPipeline
from crm_deals.pipelines.domain import DefaultPipeline, PipelineInUse, PipelineNotFound
from crm_deals.pipelines.schemas import CreatePipelineRequest, EditPipelineRequest, PipelineList, PipelinePage
from crm_shared.access import Permission
from crm_shared.contracts.states import PipelineState
from crm_shared.database.collations import PEOPLE_ORDER
from crm_shared.http.context import Context
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import Forbidden, StaleVersion

router = APIRouter(prefix="/pipelines", tags=["pipelines"], route_class=CrmRoute)

SORTS = {"created_at": SortField("p.created_at", datetime), "name": SortField("p.name", str, PEOPLE_ORDER)}
WRITES_PIPELINES = requires(Permission.WRITE_PIPELINES)


@router.post(
    "",
    response_model=PipelineState,
    status_code=201,
    summary="Create a pipeline",
    responses=problems(Forbidden),
    dependencies=[WRITES_PIPELINES],
)
async def create_pipeline(body: CreatePipelineRequest, context: Context) -> Response:
    pipeline = await commands.create_pipeline(body.to_command(context.caller), context.unit_of_work, context.clock)
    return context.reply_written("pipeline", pipeline, status=201)


@router.get("", response_model=PipelinePage, summary="List pipelines with their stages", responses=problems())
async def list_pipelines(query: Annotated[PipelineList, Query()], context: Context) -> Response:
    page = to_page(query, parse_order(query.sort, SORTS, default="created_at", id_column="p.id"))
    tenant_id = context.caller.tenant_id
    async with context.database.read(tenant_id) as connection:
        is_new = not await queries.has_pipelines(connection, context.caller)
    if is_new:
        # A new tenant's first pipeline is made by whoever comes first: the event, or a call that overtook it. With no
        # connection in hand: calls that each hold one and wait for a second would use up the pool.
        ensure = EnsureDefaultPipeline(tenant_id)
        await commands.ensure_default_pipeline(ensure, context.unit_of_work, context.clock)
    async with context.database.read(tenant_id) as connection:
        rows = await queries.select_pipelines(context.caller, page, archived=query.archived).fetch(connection)
    return await context.reply_sorted(rows, page)


@router.get(
    "/{pipeline_id}", response_model=PipelineState, summary="Get one pipeline", responses=problems(PipelineNotFound)
)
async def get_pipeline(pipeline_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        pipeline = await queries.load_pipeline(connection, context.caller, pipeline_id)
    return context.reply(pipeline)


@router.patch(
    "/{pipeline_id}",
    response_model=PipelineState,
    summary="Rename a pipeline, make it the default, put it away or bring it back",
    responses=problems(Forbidden, PipelineNotFound, StaleVersion, PipelineInUse, DefaultPipeline),
    dependencies=[WRITES_PIPELINES],
)
async def edit_pipeline(pipeline_id: UUID, body: EditPipelineRequest, context: Context) -> Response:
    command = body.to_command(pipeline_id, caller=context.caller, expected_version=context.if_match)
    pipeline = await commands.edit_pipeline(command, context.unit_of_work, context.clock)
    return context.reply_written("pipeline", pipeline)


@router.delete(
    "/{pipeline_id}",
    status_code=204,
    summary="Archive a pipeline without open deals",
    responses=problems(Forbidden, PipelineNotFound, StaleVersion, PipelineInUse, DefaultPipeline),
    dependencies=[WRITES_PIPELINES],
)
async def archive_pipeline(pipeline_id: UUID, context: Context) -> Response:
    command = EditPipeline(context.caller, pipeline_id, {"archived": True}, context.if_match)
    pipeline = await commands.edit_pipeline(command, context.unit_of_work, context.clock)
    return context.reply_deleted("pipeline", pipeline)
