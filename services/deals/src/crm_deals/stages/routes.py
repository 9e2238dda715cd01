"""HTTP of a pipeline's stages."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.pipelines import queries
from crm_deals.pipelines.domain import LastOpenStage, PipelineNotFound, StageInUse, StageNotFound
from crm_deals.stages import commands
from crm_deals.stages.commands import DeleteStage
from crm_deals.stages.schemas import (
    AddStageRequest,
    DeleteStageQuery,
    EditStageRequest,
    StageOfPipeline,
    StageOrderRequest,
)
from crm_shared.access import Permission
from crm_shared.contracts.states import PipelineState
from crm_shared.http.context import Context
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import Forbidden, StaleVersion

reads = APIRouter(prefix="/pipelines/{pipeline_id}/stages", tags=["pipelines"], route_class=CrmRoute)
router = APIRouter(
    prefix="/pipelines/{pipeline_id}/stages",
    tags=["pipelines"],
    route_class=CrmRoute,
    dependencies=[requires(Permission.WRITE_PIPELINES)],
)


@reads.get(
    "/{stage_id}",
    response_model=StageOfPipeline,
    summary="Get one stage",
    responses=problems(PipelineNotFound, StageNotFound),
)
async def get_stage(pipeline_id: UUID, stage_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        pipeline, stage = await queries.load_stage(connection, context.caller, pipeline_id, stage_id)
    return context.reply(_to_answer(pipeline, stage))


@router.post(
    "",
    response_model=StageOfPipeline,
    status_code=201,
    summary="Insert a stage",
    responses=problems(Forbidden, PipelineNotFound, StaleVersion),
)
async def add_stage(pipeline_id: UUID, body: AddStageRequest, context: Context) -> Response:
    command = body.to_command(pipeline_id, caller=context.caller, expected_version=context.if_match)
    pipeline, stage = await commands.add_stage(command, context.unit_of_work, context.clock)
    response = context.reply(_to_answer(pipeline, stage), status=201)
    return context.add_position(response, "pipeline", pipeline)


@router.put(
    "/order",
    response_model=PipelineState,
    summary="Put the stages in another order",
    responses=problems(Forbidden, PipelineNotFound, StaleVersion),
)
async def reorder_stages(pipeline_id: UUID, body: StageOrderRequest, context: Context) -> Response:
    command = body.to_command(pipeline_id, caller=context.caller, expected_version=context.if_match)
    pipeline = await commands.reorder_stages(command, context.unit_of_work, context.clock)
    return context.reply_written("pipeline", pipeline)


@router.patch(
    "/{stage_id}",
    response_model=StageOfPipeline,
    summary="Change a stage",
    responses=problems(Forbidden, PipelineNotFound, StageNotFound, StaleVersion, StageInUse, LastOpenStage),
)
async def edit_stage(pipeline_id: UUID, stage_id: UUID, body: EditStageRequest, context: Context) -> Response:
    command = body.to_command(pipeline_id, stage_id, caller=context.caller, expected_version=context.if_match)
    pipeline, stage = await commands.edit_stage(command, context.unit_of_work, context.clock)
    return context.add_position(context.reply(_to_answer(pipeline, stage)), "pipeline", pipeline)


@router.delete(
    "/{stage_id}",
    status_code=204,
    summary="Delete a stage, its deals moved to another",
    responses=problems(Forbidden, PipelineNotFound, StageNotFound, StaleVersion, StageInUse, LastOpenStage),
)
async def delete_stage(
    pipeline_id: UUID, stage_id: UUID, query: Annotated[DeleteStageQuery, Query()], context: Context
) -> Response:
    command = DeleteStage(context.caller, pipeline_id, context.if_match, stage_id, query.move_to)
    pipeline = await commands.delete_stage(command, context.unit_of_work, context.clock)
    return context.reply_deleted("pipeline", pipeline)


def _to_answer(pipeline: Mapping[str, Any], stage: Mapping[str, Any]) -> dict[str, Any]:
    return {**stage, "pipeline_id": pipeline["id"], "version": pipeline["version"]}
