"""HTTP of many activities at once."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from crm_activities.use_cases import batch
from crm_activities.use_cases.batch import ActivityBatch, ImportActivity, WriteActivities
from crm_activities.use_cases.bulk_schemas import ImportActivityRequest, UpsertActivityRequest
from crm_activities.use_cases.schemas import EditActivityRequest
from crm_shared.contracts.states import ActivityState
from crm_shared.features.batches.requests import BatchAnswer, BatchRequest, BatchRoute, ItemReader, reply_batch
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.http.batch_limit import TooManyBatchItems
from crm_shared.http.context import Context
from crm_shared.http.problems import problems

router = APIRouter(prefix="/activities", tags=["activities"], route_class=BatchRoute)


@router.post(
    "/batch",
    response_model=BatchAnswer,
    status_code=207,
    summary="Log, update or upsert up to 1,000 activities",
    responses=problems(TooManyBatchItems),
)
async def write_activities(body: BatchRequest, context: Context, references: ReferenceLookup) -> Response:
    def read_new(item: object) -> ImportActivity:
        return ImportActivityRequest.model_validate(item).to_import()

    def read_changes(item: object) -> Mapping[str, Any]:
        if body.mode == "upsert":
            return UpsertActivityRequest.model_validate(item).to_changes()
        return EditActivityRequest.model_validate(item).to_changes()

    reader = ItemReader(
        body, id_properties=ActivityBatch.unique_fields, shown=ActivityState, changed=EditActivityRequest
    )
    items, refused = await reader.read(context, read_new, read_changes)
    command = WriteActivities(context.caller, items)
    written = await batch.write_activities(command, context.unit_of_work, references, context.clock)
    return await reply_batch(context, "activity", {**refused, **written})
