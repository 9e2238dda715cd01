"""HTTP of many contacts at once."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from crm_contacts.contacts import batch
from crm_contacts.contacts.batch import WriteContacts
from crm_contacts.contacts.commands import CreateContact
from crm_contacts.contacts.schemas import CreateContactRequest, EditContactRequest
from crm_contacts.contacts.unique_owners import UNIQUE_FIELDS
from crm_shared.contracts.states import ContactState
from crm_shared.features.batches.requests import BatchAnswer, BatchRequest, BatchRoute, ItemReader, reply_batch
from crm_shared.http.batch_limit import TooManyBatchItems
from crm_shared.http.context import Context
from crm_shared.http.problems import problems

router = APIRouter(prefix="/contacts/batch", tags=["contacts"], route_class=BatchRoute)


@router.post(
    "",
    response_model=BatchAnswer,
    status_code=207,
    summary="Create, update or upsert up to 1,000 contacts",
    responses=problems(TooManyBatchItems),
)
async def write_contacts(body: BatchRequest, context: Context) -> Response:
    def read_new(item: object) -> CreateContact:
        return CreateContactRequest.model_validate(item).to_command(context.caller)

    def read_changes(item: object) -> Mapping[str, Any]:
        return EditContactRequest.model_validate(item).to_changes()

    reader = ItemReader(body, id_properties=UNIQUE_FIELDS, shown=ContactState, changed=EditContactRequest)
    items, refused = await reader.read(context, read_new, read_changes)
    command = WriteContacts(context.caller, items)
    written = await batch.write_contacts(command, context.unit_of_work, context.clock)
    return await reply_batch(context, "contact", {**refused, **written})
