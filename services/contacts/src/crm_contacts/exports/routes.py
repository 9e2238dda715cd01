"""HTTP of exports. A file is read page by page as a list is, so it takes no memory and no long transaction."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from crm_contacts.companies import filters as company_filters
from crm_contacts.companies import queries as company_queries
from crm_contacts.companies import routes as company_routes
from crm_contacts.companies.schemas import CompanyList
from crm_contacts.contacts import filters as contact_filters
from crm_contacts.contacts import queries as contact_queries
from crm_contacts.contacts import routes as contact_routes
from crm_contacts.contacts.schemas import ContactList
from crm_contacts.exports.files import COMPANY_COLUMNS, CONTACT_COLUMNS, list_headers, to_lines
from crm_shared.database import Connection
from crm_shared.features.custom_fields import EntityType, read_definitions
from crm_shared.features.custom_fields.listing import apply_query
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import next_cursor
from crm_shared.http.exports import EXPORT_ANSWER, ExportOptions, Lines, choose_fields, reply_file, require_whole
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Page, Rows

router = APIRouter(prefix="/exports", tags=["exports"], route_class=CrmRoute)

PAGE_ROWS: Final = 1000


class ContactExport(ContactList, ExportOptions):
    """The list's filters, and which columns."""


class CompanyExport(CompanyList, ExportOptions):
    """The list's filters, and which columns."""


QueryT = TypeVar("QueryT", ContactExport, CompanyExport)
LoadPage = Callable[[Connection, QueryT], Awaitable[tuple[Rows, Page]]]


@router.get(
    "/contacts.csv",
    response_class=Response,
    responses={**EXPORT_ANSWER, **problems()},
    summary="Download the contacts you may see",
)
async def export_contacts(query: Annotated[ContactExport, Query()], context: Context) -> Response:
    async def load_page(connection: Connection, query: ContactExport) -> tuple[Rows, Page]:
        caller = context.caller
        region = await contact_queries.load_region(connection, caller) if query.phone is not None else None
        filters = contact_filters.to_filters(query, caller, region=region)
        page = await apply_query(
            connection,
            caller.tenant_id,
            EntityType.CONTACT,
            query,
            filters.where,
            sorts=contact_routes.SORTS,
            id_column="c.id",
        )
        return await contact_queries.list_contacts(connection, caller, filters, page), page

    return await _reply(context, "contacts", EntityType.CONTACT, CONTACT_COLUMNS, query, load_page)


@router.get(
    "/companies.csv",
    response_class=Response,
    responses={**EXPORT_ANSWER, **problems()},
    summary="Download the companies you may see",
)
async def export_companies(query: Annotated[CompanyExport, Query()], context: Context) -> Response:
    async def load_page(connection: Connection, query: CompanyExport) -> tuple[Rows, Page]:
        caller = context.caller
        filters = company_filters.to_filters(query, caller)
        page = await apply_query(
            connection,
            caller.tenant_id,
            EntityType.COMPANY,
            query,
            filters.where,
            sorts=company_routes.SORTS,
            id_column="c.id",
        )
        return await company_queries.list_companies(connection, caller, filters, page), page

    return await _reply(context, "companies", EntityType.COMPANY, COMPANY_COLUMNS, query, load_page)


async def _reply(
    context: RequestContext,
    name: str,
    entity_type: EntityType,
    columns: Sequence[str],
    query: QueryT,
    load_page: LoadPage[QueryT],
) -> Response:
    require_whole(query)
    whole = query.model_copy(update={"limit": PAGE_ROWS})
    async with context.database.read(context.caller.tenant_id) as connection:
        definitions = await read_definitions(connection, context.caller.tenant_id, entity_type)
    headers = list_headers(columns, definitions)
    chosen = choose_fields(query.fields, headers)
    places = [headers.index(name) for name in chosen]

    async def read(cursor: str | None) -> Lines:
        async with context.database.read(context.caller.tenant_id) as connection:
            rows, page = await load_page(connection, whole.model_copy(update={"cursor": cursor}))
            lines = await to_lines(connection, context.caller, rows[:PAGE_ROWS], columns, definitions)
        return [[line[place] for place in places] for line in lines], next_cursor(page, rows)

    return await reply_file(context, name, chosen, read, excel=query.excel)
