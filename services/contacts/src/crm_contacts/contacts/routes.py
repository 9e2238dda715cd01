"""HTTP of contacts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.contacts import commands, queries, restoring
from crm_contacts.contacts.commands import DeleteContact
from crm_contacts.contacts.domain import ContactNotFound, DuplicateExternalId, MergedAway
from crm_contacts.contacts.filters import to_filters
from crm_contacts.contacts.restoring import RestoreContact
from crm_contacts.contacts.schemas import ContactList, ContactPage, CreateContactRequest, EditContactRequest
from crm_contacts.emails import DuplicateEmail
from crm_shared.contracts.states import ContactState
from crm_shared.database.collations import PEOPLE_ORDER
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.definitions import UnknownCustomField
from crm_shared.features.custom_fields.listing import DESCRIPTION, apply_query
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import Forbidden, StaleVersion, UnknownReference

router = APIRouter(prefix="/contacts", tags=["contacts"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("c.created_at", datetime),
    "updated_at": SortField("c.updated_at", datetime),
    "name": SortField("c.name_key", str, PEOPLE_ORDER),
    "last_name": SortField("c.surname_key", str, PEOPLE_ORDER),
}


@router.post(
    "",
    response_model=ContactState,
    status_code=201,
    summary="Create a contact",
    responses=problems(UnknownReference, UnknownCustomField, DuplicateEmail, DuplicateExternalId),
)
async def create_contact(body: CreateContactRequest, context: Context) -> Response:
    command = body.to_command(context.caller)
    contact = await commands.create_contact(command, context.unit_of_work, context.clock)
    return context.reply_written("contact", contact, status=201)


@router.get(
    "",
    response_model=ContactPage,
    summary="List the contacts that you may see",
    responses=problems(),
    description=DESCRIPTION,
)
async def list_contacts(query: Annotated[ContactList, Query()], context: Context) -> Response:
    tenant_id = context.caller.tenant_id
    async with context.database.read(tenant_id) as connection:
        region = await queries.load_region(connection, context.caller) if query.phone is not None else None
        filters = to_filters(query, context.caller, region=region)
        page = await apply_query(
            connection, tenant_id, EntityType.CONTACT, query, filters.where, sorts=SORTS, id_column="c.id"
        )
        rows = await queries.list_contacts(connection, context.caller, filters, page)
    return await context.reply_sorted(rows, page, hidden=queries.SORT_KEYS)


@router.get(
    "/{contact_id}", response_model=ContactState, summary="Get one contact", responses=problems(ContactNotFound)
)
async def get_contact(contact_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        contact = await queries.load_contact(connection, context.caller, contact_id)
    return context.reply(contact)


@router.patch(
    "/{contact_id}",
    response_model=ContactState,
    summary="Change fields of a contact",
    responses=problems(
        ContactNotFound,
        Forbidden,
        StaleVersion,
        UnknownReference,
        UnknownCustomField,
        DuplicateEmail,
        DuplicateExternalId,
    ),
)
async def edit_contact(contact_id: UUID, body: EditContactRequest, context: Context) -> Response:
    command = body.to_command(contact_id, caller=context.caller, expected_version=context.if_match)
    contact = await commands.edit_contact(command, context.unit_of_work, context.clock)
    return context.reply_written("contact", contact)


@router.post(
    "/{contact_id}/restore",
    response_model=ContactState,
    summary="Bring a deleted contact back",
    responses=problems(ContactNotFound, Forbidden, StaleVersion, MergedAway, DuplicateEmail, DuplicateExternalId),
)
async def restore_contact(contact_id: UUID, context: Context) -> Response:
    command = RestoreContact(context.caller, contact_id, context.if_match)
    contact = await restoring.restore_contact(command, context.unit_of_work, context.clock)
    return context.reply_written("contact", contact)


@router.delete(
    "/{contact_id}",
    status_code=204,
    summary="Delete a contact",
    responses=problems(ContactNotFound, Forbidden, StaleVersion),
)
async def delete_contact(contact_id: UUID, context: Context) -> Response:
    command = DeleteContact(context.caller, contact_id, context.if_match)
    contact = await commands.delete_contact(command, context.unit_of_work, context.clock)
    return context.reply_deleted("contact", contact)
