"""HTTP of companies by their names alone: as a file names them, for services that keep records of other types."""

from collections.abc import Collection, Iterator, Mapping
from operator import itemgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema

from crm_contacts.imports.company_names import find_domain
from crm_contacts.imports.missing_companies import name_companies
from crm_shared.contracts.states import CompanyState
from crm_shared.features.batches import Outcome
from crm_shared.features.batches.requests import MAX_ITEMS, BatchRoute, read_items, reply_items
from crm_shared.features.imports.references import MAX_COMPANY_TEXT, NameKey
from crm_shared.http.batch_limit import TooManyBatchItems
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.models import RequestBody
from crm_shared.http.problems import Problem, problems, to_problem
from crm_shared.refusals import InvalidField, Refusal

GONE = "was deleted or given away meanwhile"
Text = Annotated[str, Field(min_length=1, max_length=MAX_COMPANY_TEXT)]
_read_text = TypeAdapter(Text).validate_python
_ITEMS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_ITEMS,
    "items": {},
    "description": "names or domains, each a text; anything else is that item's 422",
}

router = APIRouter(prefix="/companies/find-or-create", tags=["companies"], route_class=BatchRoute)


class FindOrCreateRequest(RequestBody):
    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS), WithJsonSchema(_ITEMS_SCHEMA)]


class NamedCompany(BaseModel):
    """`status`: 200 it was there, 201 it was made. `company` as GET answers it, or else `problem`."""

    model_config = ConfigDict(json_schema_extra={"required": ["index", "status"]})

    index: int
    status: int
    company: CompanyState | None = Field(default=None)
    problem: Problem | None = Field(default=None)


class NamedCompanies(BaseModel):
    items: list[NamedCompany]


@router.post(
    "",
    response_model=NamedCompanies,
    status_code=207,
    summary="Find up to 1,000 companies by domain or name, and make those that are not there",
    responses=problems(TooManyBatchItems),
)
async def find_or_create_companies(body: FindOrCreateRequest, context: Context) -> Response:
    """As often as it is sent it makes each one once: a name counts without its letters' case and further spaces."""
    keys, refused = await read_items(context, body.items, _read_item)
    wanted = dict.fromkeys(key for _, key in keys)
    named = await name_companies(context.caller, wanted, context.unit_of_work, context.clock)
    refusals: dict[int, Refusal] = {**refused}
    companies: dict[int, Mapping[str, Any]] = {}
    for index, key in keys:
        company = named.found[key]
        if not isinstance(company, UUID):
            refusals[index] = InvalidField.at(f"/items/{index}", str(company))
        elif company in named.states:
            companies[index] = named.states[company]
        else:
            refusals[index] = InvalidField.at(f"/items/{index}", GONE)
    items = [*_list_refused(context, refusals), *_list_companies(companies, named.created)]
    written = [Outcome(201, one, named.states[one]["version"], is_published=True) for one in named.created]
    return await reply_items(context, "company", sorted(items, key=itemgetter("index")), written)


def _list_refused(context: RequestContext, refusals: Mapping[int, Refusal]) -> Iterator[dict[str, Any]]:
    for index, refusal in refusals.items():
        problem = to_problem(refusal, instance=context.request.url.path)
        yield {"index": index, "status": refusal.status, "problem": problem}


def _list_companies(companies: Mapping[int, Mapping[str, Any]], created: Collection[UUID]) -> Iterator[dict[str, Any]]:
    new = set(created)
    for index, company in companies.items():
        status = 201 if company["id"] in new else 200
        new.discard(company["id"])  # of several names of one company the first has made it
        yield {"index": index, "status": status, "company": company}


def _read_item(index: int, raw: object) -> tuple[int, NameKey]:
    text = _read_text(raw)
    return index, (text, find_domain(text))
