"""HTTP of a contact's tags. A tag may hold slashes, so it takes all that is left of the path."""

from uuid import UUID

from fastapi import APIRouter, Response

from crm_contacts.contacts import commands
from crm_contacts.contacts.commands import TagContact
from crm_contacts.tags import to_tag
from crm_shared.contracts.states import ContactState
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import InvalidField

router = APIRouter(prefix="/contacts/{contact_id}/tags", tags=["contacts"], route_class=CrmRoute)


@router.put("/{tag:path}", response_model=ContactState, summary="Put a tag on a contact")
async def add_tag(contact_id: UUID, tag: str, context: Context) -> Response:
    command = _to_command(context, contact_id, tag)
    contact = await commands.add_tag(command, context.unit_of_work, context.clock)
    return context.reply_written("contact", contact)


@router.delete("/{tag:path}", status_code=204, summary="Take a tag off a contact")
async def remove_tag(contact_id: UUID, tag: str, context: Context) -> Response:
    command = _to_command(context, contact_id, tag)
    contact = await commands.remove_tag(command, context.unit_of_work, context.clock)
    return context.reply_deleted("contact", contact)


def _to_command(context: RequestContext, contact_id: UUID, tag: str) -> TagContact:
    try:
        return TagContact(context.caller, contact_id, to_tag(tag), context.if_match)
    except ValueError as error:
        raise InvalidField.at("/tags", str(error)) from None
