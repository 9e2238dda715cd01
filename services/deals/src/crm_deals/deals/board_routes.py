"""HTTP of the board: a pipeline's deals, column by column."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.deals import board
from crm_deals.deals.schemas import Board, BoardQuery
from crm_deals.pipelines import queries as pipelines
from crm_deals.pipelines.domain import PipelineNotFound
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor, to_page
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, Page, SortField
from crm_shared.refusals import InvalidField

router = APIRouter(prefix="/pipelines", tags=["board"], route_class=CrmRoute)

BOARD_LEVELS: Final = 4
"""Deals stand in the list of their column, which stands in the list of columns."""

ORDER = Order("-updated_at", SortField("d.updated_at", datetime), is_descending=True, id_column="d.id")


@router.get(
    "/{pipeline_id}/board",
    response_model=Board,
    summary="Read a pipeline's board",
    responses=problems(PipelineNotFound),
)
async def read_board(pipeline_id: UUID, query: Annotated[BoardQuery, Query()], context: Context) -> Response:
    if query.cursor is not None and query.stage_id is None:
        raise InvalidField.at("?stage_id", "is needed with a cursor: each column has its own")
    caller, now = context.caller, context.clock.now()
    async with context.database.snapshot(caller.tenant_id) as connection:
        pipeline = await pipelines.load_pipeline(connection, caller, pipeline_id)
        stages = {UUID(stage["id"]): stage for stage in pipeline["stages"]}
        if query.stage_id is not None:
            stages = {stage_id: stage for stage_id, stage in stages.items() if stage_id == query.stage_id}
            if not stages:
                raise InvalidField.at("?stage_id", "is not a stage of this pipeline")
        sums = await board.sum_stages(connection, caller, pipeline_id)
        page = to_page(query, ORDER)
        deals = await board.list_stage_deals(connection, caller, pipeline_id, stages, page=page, now=now)
    columns = [_to_column(stage, sums.get(stage_id, []), deals[stage_id], page) for stage_id, stage in stages.items()]
    answer = {"pipeline_id": pipeline_id, "pipeline_name": pipeline["name"], "stages": columns}
    return await context.reply_json(answer, levels=BOARD_LEVELS)


def _to_column(
    stage: Mapping[str, Any], sums: list[Mapping[str, Any]], deals: list[dict[str, Any]], page: Page
) -> dict[str, Any]:
    return {
        "stage": stage,
        "count": sum(row["count"] for row in sums),
        "totals": board.to_totals(sums, stage["win_probability"]),
        "deals": deals[: page.limit],
        "next_cursor": next_cursor(page, deals),
    }
