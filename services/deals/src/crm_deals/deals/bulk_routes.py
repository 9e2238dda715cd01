"""HTTP of many deals at once."""

from fastapi import APIRouter, Response

from crm_deals.deals import bulk_moves
from crm_deals.deals.bulk_moves import MoveDeals
from crm_deals.deals.schemas import BulkMoveItem, BulkMoveRequest
from crm_shared.http.batches import BatchAnswer, BatchRoute, read_items, reply_batch
from crm_shared.http.context import Context

router = APIRouter(prefix="/deals", tags=["deals"], route_class=BatchRoute)


@router.post("/move", response_model=BatchAnswer, status_code=207, summary="Move up to 1,000 deals")
async def move_deals(body: BulkMoveRequest, context: Context) -> Response:
    moves, refused = await read_items(body.items, lambda index, item: BulkMoveItem.model_validate(item).to_move(index))
    moved = await bulk_moves.move_deals(MoveDeals(context.caller, moves), context.unit_of_work, context.clock)
    return reply_batch(context, "deal", {**refused, **moved})
