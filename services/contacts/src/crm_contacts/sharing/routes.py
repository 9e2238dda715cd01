"""HTTP of a contact's shares."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.contacts.domain import ContactNotFound
from crm_contacts.contacts.queries import load_contact
from crm_contacts.sharing import commands, queries
from crm_contacts.sharing.commands import UnshareContact
from crm_contacts.sharing.rules import ShareNotFound
from crm_contacts.sharing.schemas import SharedContact, SharePage, ShareRequest
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor, to_page
from crm_shared.http.models import PageQuery
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, SortField
from crm_shared.refusals import Forbidden, StaleVersion, UnknownReference

router = APIRouter(prefix="/contacts/{contact_id}/shares", tags=["contacts"], route_class=CrmRoute)

ORDER: Final = Order("-created_at", SortField("s.created_at", datetime), is_descending=True, id_column="s.user_id")
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": SharedContact, "description": "The user had a share already; it has this permission now"}
}


@router.get(
    "",
    response_model=SharePage,
    summary="List whom a contact is shared with, newest first",
    responses=problems(ContactNotFound),
)
async def list_shares(contact_id: UUID, query: Annotated[PageQuery, Query()], context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        await load_contact(connection, context.caller, contact_id)
        page = to_page(query, ORDER)
        rows = await queries.select_shares(context.caller, contact_id, page).fetch(connection)
    return await context.reply_page([queries.to_share(row) for row in rows[: page.limit]], next_cursor(page, rows))


@router.post(
    "",
    response_model=SharedContact,
    status_code=201,
    responses=ANSWERS | problems(ContactNotFound, Forbidden, StaleVersion, UnknownReference),
    summary="Share a contact with a colleague, or change what they may do",
)
async def share_contact(contact_id: UUID, body: ShareRequest, context: Context) -> Response:
    command = body.to_command(contact_id, caller=context.caller, expected_version=context.if_match)
    shared = await commands.share_contact(command, context.unit_of_work, context.clock)
    return context.reply_part(
        "contact", shared.contact, shared.share, created=str(shared.share["user_id"]) if shared.is_new else None
    )


@router.get(
    "/{user_id}",
    response_model=SharedContact,
    summary="Get one share of a contact",
    responses=problems(ContactNotFound, ShareNotFound),
)
async def get_share(contact_id: UUID, user_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        share = await queries.load_share(connection, context.caller, contact_id, user_id)
    return await context.reply_json(share)


@router.delete(
    "/{user_id}",
    status_code=204,
    summary="Take a colleague's share away",
    responses=problems(ContactNotFound, ShareNotFound, Forbidden, StaleVersion),
)
async def unshare_contact(contact_id: UUID, user_id: UUID, context: Context) -> Response:
    command = UnshareContact(context.caller, contact_id, user_id, context.if_match)
    contact = await commands.unshare_contact(command, context.unit_of_work, context.clock)
    return context.reply_deleted("contact", contact)
