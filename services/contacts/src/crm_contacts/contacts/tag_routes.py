"""HTTP of a contact's tags. One that was given before slashes were refused may hold some, and takes all of the path."""

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Response

from crm_contacts.contacts import commands
from crm_contacts.contacts.commands import TagContact
from crm_contacts.contacts.domain import ContactNotFound
from crm_contacts.tags import read_tag, to_tag
from crm_shared.contracts.states import ContactState
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import Forbidden, InvalidField, StaleVersion

router = APIRouter(prefix="/contacts/{contact_id}/tags", tags=["contacts"], route_class=CrmRoute)


@router.put(
    "/{tag:path}",
    response_model=ContactState,
    summary="Put a tag on a contact",
    responses=problems(ContactNotFound, Forbidden, StaleVersion),
)
async def add_tag(contact_id: UUID, tag: str, context: Context) -> Response:
    command = _to_command(context, contact_id, tag, to_tag)
    contact = await commands.add_tag(command, context.unit_of_work, context.clock)
    return context.reply_written("contact", contact)


@router.delete(
    "/{tag:path}",
    status_code=204,
    summary="Take a tag off a contact",
    responses=problems(ContactNotFound, Forbidden, StaleVersion),
)
async def remove_tag(contact_id: UUID, tag: str, context: Context) -> Response:
    command = _to_command(context, contact_id, tag, read_tag)
    contact = await commands.remove_tag(command, context.unit_of_work, context.clock)
    return context.reply_deleted("contact", contact)


def _to_command(context: RequestContext, contact_id: UUID, tag: str, read: Callable[[str], str]) -> TagContact:
    try:
        return TagContact(context.caller, contact_id, read(tag), context.if_match)
    except ValueError as error:
        raise InvalidField.at("/tags", str(error)) from None
