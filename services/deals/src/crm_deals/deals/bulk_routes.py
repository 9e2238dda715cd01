"""HTTP of many deals at once."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from crm_deals.deals import batch
from crm_deals.deals.batch import DealBatch, ImportDeal, WriteDeals
from crm_deals.deals.schemas import (
    BulkMoveItem,
    BulkMoveRequest,
    ImportDealRequest,
    UpsertDealRequest,
    WriteDealRequest,
)
from crm_shared.contracts.states import DealState
from crm_shared.features.batches.requests import (
    BatchAnswer,
    BatchRequest,
    BatchRoute,
    ItemReader,
    read_items,
    reply_batch,
)
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.http.batch_limit import TooManyBatchItems
from crm_shared.http.context import Context
from crm_shared.http.problems import problems

router = APIRouter(prefix="/deals", tags=["deals"], route_class=BatchRoute)


@router.post(
    "/move",
    response_model=BatchAnswer,
    status_code=207,
    summary="Move up to 1,000 deals",
    responses=problems(TooManyBatchItems),
)
async def move_deals(body: BulkMoveRequest, context: Context, references: ReferenceLookup) -> Response:
    items, refused = await read_items(
        context, body.items, lambda index, item: BulkMoveItem.model_validate(item).to_item(index)
    )
    command = WriteDeals(context.caller, items)
    moved = await batch.write_deals(command, context.unit_of_work, references, context.clock)
    return await reply_batch(context, "deal", {**refused, **moved})


@router.post(
    "/batch",
    response_model=BatchAnswer,
    status_code=207,
    summary="Create, update or upsert up to 1,000 deals",
    responses=problems(TooManyBatchItems),
)
async def write_deals(body: BatchRequest, context: Context, references: ReferenceLookup) -> Response:
    def read_new(item: object) -> ImportDeal:
        return ImportDealRequest.model_validate(item).to_import(context.caller)

    def read_changes(item: object) -> Mapping[str, Any]:
        if body.mode == "upsert":
            return UpsertDealRequest.model_validate(item).to_changes()
        return WriteDealRequest.model_validate(item).given()

    reader = ItemReader(body, id_properties=DealBatch.unique_fields, shown=DealState, changed=WriteDealRequest)
    items, refused = await reader.read(context, read_new, read_changes)
    command = WriteDeals(context.caller, items)
    written = await batch.write_deals(command, context.unit_of_work, references, context.clock)
    return await reply_batch(context, "deal", {**refused, **written})
