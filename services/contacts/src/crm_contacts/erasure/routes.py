"""HTTP of erasure."""

from uuid import UUID

from fastapi import APIRouter, Response

from crm_contacts.contacts.domain import ContactNotFound
from crm_contacts.erasure import commands
from crm_contacts.erasure.commands import EraseContact
from crm_shared.access import Permission
from crm_shared.contracts.states import ContactState
from crm_shared.http.context import Context
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import Forbidden, StaleVersion

router = APIRouter(prefix="/contacts", tags=["contacts"], route_class=CrmRoute)


@router.post(
    "/{contact_id}/erase",
    response_model=ContactState,
    dependencies=[requires(Permission.ERASE_CONTACTS)],
    summary="Erase a contact's personal data, here and in every other service",
    responses=problems(Forbidden, ContactNotFound, StaleVersion),
)
async def erase_contact(contact_id: UUID, context: Context) -> Response:
    """Nothing brings it back. Contacts that were merged into this one, or this one into, are the same person."""
    command = EraseContact(context.caller, contact_id, context.if_match)
    contact = await commands.erase_contact(command, context.unit_of_work, context.clock)
    return context.reply_written("contact", contact)
