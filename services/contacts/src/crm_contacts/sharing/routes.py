"""HTTP of a contact's shares."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.sharing import commands, queries
from crm_contacts.sharing.commands import UnshareContact
from crm_contacts.sharing.schemas import SharedContact, SharePage, ShareRequest
from crm_shared.http.context import Context
from crm_shared.http.cursors import Order, SortField, next_cursor
from crm_shared.http.models import PageQuery
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/contacts/{contact_id}/shares", tags=["contacts"], route_class=CrmRoute)

ORDER: Final = Order("-created_at", SortField("s.created_at", datetime), is_descending=True, id_column="s.user_id")


@router.get("", response_model=SharePage, summary="List whom a contact is shared with, newest first")
async def list_shares(contact_id: UUID, query: Annotated[PageQuery, Query()], context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.list_shares(
            connection, context.caller, contact_id, order=ORDER, cursor=query.cursor, limit=query.limit
        )
    cursor = next_cursor(ORDER, rows, query.limit, value_key=ORDER.value_key)
    return context.reply_page([queries.to_share(row) for row in rows[: query.limit]], cursor)


@router.post(
    "",
    response_model=SharedContact,
    status_code=201,
    responses={
        200: {"model": SharedContact, "description": "The user had a share already; it has this permission now"}
    },
    summary="Share a contact with a colleague, or change what they may do",
)
async def share_contact(contact_id: UUID, body: ShareRequest, context: Context) -> Response:
    command = body.to_command(contact_id, caller=context.caller, expected_version=context.if_match)
    shared = await commands.share_contact(command, context.unit_of_work, context.clock)
    return context.reply_part(
        "contact", shared.contact, shared.share, created=str(shared.share["user_id"]) if shared.is_new else None
    )


@router.get("/{user_id}", response_model=SharedContact, summary="Get one share of a contact")
async def get_share(contact_id: UUID, user_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        share = await queries.load_share(connection, context.caller, contact_id, user_id)
    return context.reply_json(share)


@router.delete("/{user_id}", status_code=204, summary="Take a colleague's share away")
async def unshare_contact(contact_id: UUID, user_id: UUID, context: Context) -> Response:
    command = UnshareContact(context.caller, contact_id, user_id, context.if_match)
    contact = await commands.unshare_contact(command, context.unit_of_work, context.clock)
    return context.reply_deleted("contact", contact)
