"""HTTP of the board: a pipeline's deals, column by column."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.deals import board
from crm_deals.deals.schemas import Board, BoardQuery
from crm_deals.pipelines import queries as pipelines
from crm_shared.access import Caller
from crm_shared.database import Connection
from crm_shared.http.context import Context
from crm_shared.http.cursors import Order, SortField, next_cursor
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import InvalidField

router = APIRouter(prefix="/pipelines", tags=["board"], route_class=CrmRoute)

ORDER = Order("-updated_at", SortField("d.updated_at", datetime), is_descending=True, id_column="d.id")


@router.get("/{pipeline_id}/board", response_model=Board, summary="Read a pipeline's board")
async def read_board(pipeline_id: UUID, query: Annotated[BoardQuery, Query()], context: Context) -> Response:
    if query.cursor is not None and query.stage_id is None:
        raise InvalidField.at("?stage_id", "is needed with a cursor: each column has its own")
    caller = context.caller
    async with context.database.snapshot(caller.tenant_id) as connection:
        pipeline = await pipelines.load_pipeline(connection, caller, pipeline_id)
        sums = await board.sum_stages(connection, caller, pipeline_id)
        columns = [
            await _read_column(connection, caller, pipeline_id, stage, sums.get(UUID(stage["id"]), []), query)
            for stage in pipeline["stages"]
            if query.stage_id in {None, UUID(stage["id"])}
        ]
    if not columns:
        raise InvalidField.at("?stage_id", "is not a stage of this pipeline")
    return context.reply_json({"pipeline_id": pipeline_id, "pipeline_name": pipeline["name"], "stages": columns})


async def _read_column(
    connection: Connection,
    caller: Caller,
    pipeline_id: UUID,
    stage: Mapping[str, Any],
    sums: list[Mapping[str, Any]],
    query: BoardQuery,
) -> dict[str, Any]:
    deals = await board.list_stage_deals(
        connection, caller, pipeline_id, UUID(stage["id"]), order=ORDER, cursor=query.cursor, limit=query.limit
    )
    return {
        "stage": stage,
        "count": sum(row["count"] for row in sums),
        "totals": board.to_totals(sums, stage["win_probability"]),
        "deals": deals[: query.limit],
        "next_cursor": next_cursor(ORDER, deals, query.limit, value_key="updated_at"),
    }
