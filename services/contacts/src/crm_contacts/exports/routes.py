"""HTTP of exports. A file is read page by page as a list is, so it takes no memory and no long transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from crm_contacts.companies import filters as company_filters
from crm_contacts.companies import queries as company_queries
from crm_contacts.companies import routes as company_routes
from crm_contacts.companies.schemas import CompanyList
from crm_contacts.contacts import filters as contact_filters
from crm_contacts.contacts import queries as contact_queries
from crm_contacts.contacts import routes as contact_routes
from crm_contacts.contacts.schemas import ContactList
from crm_contacts.exports.files import COMPANY_COLUMNS, CONTACT_COLUMNS, list_headers, to_lines
from crm_shared.custom_fields import Definitions, EntityType, read_definitions
from crm_shared.custom_fields.listing import apply_query
from crm_shared.database import Connection
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import Order, next_cursor
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import FieldProblem, InvalidField
from crm_shared.spreadsheets import CSV_TYPE, attachment, write_rows

router = APIRouter(prefix="/exports", tags=["exports"], route_class=CrmRoute)

PAGE_ROWS: Final = 1000
ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {CSV_TYPE: {"schema": {"type": "string"}}}, "description": "all that the filters leave"}
}
QueryT = TypeVar("QueryT", ContactList, CompanyList)
Rows = Sequence[Mapping[str, Any]]
LoadPage = Callable[[Connection, QueryT], Awaitable[tuple[Rows, Order]]]


@router.get("/contacts.csv", response_class=Response, responses=ANSWER, summary="Download the contacts you may see")
async def export_contacts(query: Annotated[ContactList, Query()], context: Context) -> Response:
    async def load_page(connection: Connection, page: ContactList) -> tuple[Rows, Order]:
        caller = context.caller
        region = await contact_queries.load_region(connection, caller) if page.phone is not None else None
        filters = contact_filters.to_where(page, caller, region=region)
        order = await apply_query(
            connection,
            caller.tenant_id,
            EntityType.CONTACT,
            page,
            filters,
            sorts=contact_routes.SORTS,
            id_column="c.id",
        )
        return await contact_queries.list_contacts(connection, caller, page, filters, order), order

    return await _reply(context, "contacts", EntityType.CONTACT, CONTACT_COLUMNS, query, load_page)


@router.get("/companies.csv", response_class=Response, responses=ANSWER, summary="Download the companies you may see")
async def export_companies(query: Annotated[CompanyList, Query()], context: Context) -> Response:
    async def load_page(connection: Connection, page: CompanyList) -> tuple[Rows, Order]:
        caller = context.caller
        filters = company_filters.to_where(page, caller)
        order = await apply_query(
            connection,
            caller.tenant_id,
            EntityType.COMPANY,
            page,
            filters,
            sorts=company_routes.SORTS,
            id_column="c.id",
        )
        return await company_queries.list_companies(connection, caller, page, filters, order), order

    return await _reply(context, "companies", EntityType.COMPANY, COMPANY_COLUMNS, query, load_page)


async def _reply(
    context: RequestContext,
    name: str,
    entity_type: EntityType,
    columns: Sequence[str],
    query: QueryT,
    load_page: LoadPage[QueryT],
) -> Response:
    """Answer with the file. Its first page is read before: what is wrong with a filter is still a 422 then."""
    wrong = [
        FieldProblem(f"?{one}", "an export is whole") for one in ("limit", "cursor") if one in query.model_fields_set
    ]
    if wrong:
        raise InvalidField("An export takes neither limit nor cursor.", errors=wrong)
    page = query.model_copy(update={"limit": PAGE_ROWS})
    async with context.database.read(context.caller.tenant_id) as connection:
        definitions = await read_definitions(connection, context.caller.tenant_id, entity_type)
        first = await load_page(connection, page)
    lines = _write(context, columns, definitions, page, load_page, first)
    return StreamingResponse(lines, media_type=CSV_TYPE, headers=attachment(name))


async def _write(
    context: RequestContext,
    columns: Sequence[str],
    definitions: Definitions,
    page: QueryT,
    load_page: LoadPage[QueryT],
    first: tuple[Rows, Order],
) -> AsyncIterator[bytes]:
    yield write_rows([list_headers(columns, definitions)])
    rows, order = first
    while True:
        async with context.database.read(context.caller.tenant_id) as connection:
            lines = await to_lines(connection, context.caller, rows[:PAGE_ROWS], columns, definitions)
        yield write_rows(lines)
        cursor = next_cursor(order, rows, PAGE_ROWS)
        if cursor is None:
            return
        async with context.database.read(context.caller.tenant_id) as connection:
            rows, order = await load_page(connection, page.model_copy(update={"cursor": cursor}))
