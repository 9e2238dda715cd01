"""HTTP of many companies at once."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from crm_contacts.companies import batch
from crm_contacts.companies.batch import WriteCompanies
from crm_contacts.companies.commands import CreateCompany
from crm_contacts.companies.schemas import CreateCompanyRequest, EditCompanyRequest
from crm_contacts.companies.unique_owners import UNIQUE_FIELDS
from crm_shared.contracts.states import CompanyState
from crm_shared.features.batches.requests import BatchAnswer, BatchRequest, BatchRoute, ItemReader, reply_batch
from crm_shared.http.batch_limit import TooManyBatchItems
from crm_shared.http.context import Context
from crm_shared.http.problems import problems

router = APIRouter(prefix="/companies/batch", tags=["companies"], route_class=BatchRoute)


@router.post(
    "",
    response_model=BatchAnswer,
    status_code=207,
    summary="Create, update or upsert up to 1,000 companies",
    responses=problems(TooManyBatchItems),
)
async def write_companies(body: BatchRequest, context: Context) -> Response:
    def read_new(item: object) -> CreateCompany:
        return CreateCompanyRequest.model_validate(item).to_command(context.caller)

    def read_changes(item: object) -> Mapping[str, Any]:
        return EditCompanyRequest.model_validate(item).to_changes()

    reader = ItemReader(body, id_properties=UNIQUE_FIELDS, shown=CompanyState, changed=EditCompanyRequest)
    items, refused = await reader.read(context, read_new, read_changes)
    command = WriteCompanies(context.caller, items)
    written = await batch.write_companies(command, context.unit_of_work, context.clock)
    return await reply_batch(context, "company", {**refused, **written})
