"""HTTP of companies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.companies import commands, queries
from crm_contacts.companies.commands import DeleteCompany, RestoreCompany
from crm_contacts.companies.domain import CompanyNotFound, DuplicateDomain
from crm_contacts.companies.filters import to_filters
from crm_contacts.companies.schemas import CompanyList, CompanyPage, CreateCompanyRequest, EditCompanyRequest
from crm_shared.contracts.states import CompanyState
from crm_shared.database.collations import PEOPLE_ORDER
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.definitions import UnknownCustomField
from crm_shared.features.custom_fields.listing import DESCRIPTION, apply_query
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import StaleVersion, UnknownReference

router = APIRouter(prefix="/companies", tags=["companies"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("c.created_at", datetime),
    "updated_at": SortField("c.updated_at", datetime),
    "name": SortField("c.name_key", str, PEOPLE_ORDER),
}


@router.post(
    "",
    response_model=CompanyState,
    status_code=201,
    summary="Create a company",
    responses=problems(DuplicateDomain, UnknownReference, UnknownCustomField),
)
async def create_company(body: CreateCompanyRequest, context: Context) -> Response:
    command = body.to_command(context.caller)
    company = await commands.create_company(command, context.unit_of_work, context.clock)
    return context.reply_written("company", company, status=201)


@router.get(
    "",
    response_model=CompanyPage,
    summary="List the companies that you may see",
    responses=problems(),
    description=DESCRIPTION,
)
async def list_companies(query: Annotated[CompanyList, Query()], context: Context) -> Response:
    tenant_id = context.caller.tenant_id
    filters = to_filters(query, context.caller)
    async with context.database.read(tenant_id) as connection:
        page = await apply_query(
            connection, tenant_id, EntityType.COMPANY, query, filters.where, sorts=SORTS, id_column="c.id"
        )
        rows = await queries.list_companies(connection, context.caller, filters, page)
    return await context.reply_sorted(rows, page, hidden=queries.SORT_KEYS)


@router.get(
    "/{company_id}", response_model=CompanyState, summary="Get one company", responses=problems(CompanyNotFound)
)
async def get_company(company_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        company = await queries.load_company(connection, context.caller, company_id)
    return context.reply(company)


@router.patch(
    "/{company_id}",
    response_model=CompanyState,
    summary="Change fields of a company",
    responses=problems(CompanyNotFound, StaleVersion, DuplicateDomain, UnknownReference, UnknownCustomField),
)
async def edit_company(company_id: UUID, body: EditCompanyRequest, context: Context) -> Response:
    command = body.to_command(company_id, caller=context.caller, expected_version=context.if_match)
    company = await commands.edit_company(command, context.unit_of_work, context.clock)
    return context.reply_written("company", company)


@router.post(
    "/{company_id}/restore",
    response_model=CompanyState,
    summary="Bring a deleted company back",
    responses=problems(CompanyNotFound, StaleVersion, DuplicateDomain),
)
async def restore_company(company_id: UUID, context: Context) -> Response:
    command = RestoreCompany(context.caller, company_id, context.if_match)
    company = await commands.restore_company(command, context.unit_of_work, context.clock)
    return context.reply_written("company", company)


@router.delete(
    "/{company_id}", status_code=204, summary="Delete a company", responses=problems(CompanyNotFound, StaleVersion)
)
async def delete_company(company_id: UUID, context: Context) -> Response:
    command = DeleteCompany(context.caller, company_id, context.if_match)
    company = await commands.delete_company(command, context.unit_of_work, context.clock)
    return context.reply_deleted("company", company)
