"""HTTP of duplicates."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.contacts.domain import ContactNotFound
from crm_contacts.contacts.events import to_state
from crm_contacts.contacts.queries import load_contact
from crm_contacts.duplicates import commands, queries
from crm_contacts.duplicates.domain import AlreadyDecided, CandidateNotFound, ContactGone
from crm_contacts.duplicates.schemas import (
    DismissDuplicateRequest,
    Duplicate,
    DuplicateList,
    DuplicateOfContactPage,
    DuplicatePage,
    MergeDuplicateRequest,
)
from crm_contacts.merges.schemas import MergeAnswer
from crm_shared.features.custom_fields.definitions import UnknownCustomField
from crm_shared.http import positions
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor, to_page
from crm_shared.http.positions import Position
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, SortField
from crm_shared.refusals import Forbidden, StaleVersion

router = APIRouter(tags=["duplicates"], route_class=CrmRoute)

ORDER = Order("-found_at", SortField("d.found_at", datetime), is_descending=True, id_column="d.id")


@router.get(
    "/duplicates", response_model=DuplicatePage, summary="List possible duplicates, newest first", responses=problems()
)
async def list_duplicates(query: Annotated[DuplicateList, Query()], context: Context) -> Response:
    return await _reply(query, context, contact_id=None)


@router.get(
    "/contacts/{contact_id}/duplicates",
    response_model=DuplicateOfContactPage,
    summary="List who may be the same person as this contact",
    responses=problems(ContactNotFound),
)
async def list_duplicates_of_contact(
    contact_id: UUID, query: Annotated[DuplicateList, Query()], context: Context
) -> Response:
    return await _reply(query, context, contact_id=contact_id)


@router.post(
    "/duplicates/{candidate_id}/merge",
    response_model=MergeAnswer,
    summary="Merge the two contacts",
    responses=problems(CandidateNotFound, Forbidden, StaleVersion, UnknownCustomField, AlreadyDecided, ContactGone),
)
async def merge_duplicate(candidate_id: UUID, context: Context, body: MergeDuplicateRequest | None = None) -> Response:
    request = body or MergeDuplicateRequest()
    command = request.to_command(candidate_id, caller=context.caller, expected_version=context.if_match)
    outcome = await commands.merge_candidate(command, context.unit_of_work, context.clock)
    response = await context.reply_json({"merge_id": outcome.merge_id, "contact": to_state(outcome.survivor)})
    response.headers["ETag"] = f'"{outcome.survivor.version}"'
    response.headers[positions.HEADER] = positions.to_token(
        [Position("contact", contact.id, contact.version) for contact in (outcome.survivor, outcome.other)]
    )
    return response


@router.post(
    "/duplicates/{candidate_id}/dismiss",
    response_model=Duplicate,
    summary="Say that the two are two people",
    responses=problems(CandidateNotFound, Forbidden, AlreadyDecided, ContactGone),
)
async def dismiss_duplicate(
    candidate_id: UUID, context: Context, body: DismissDuplicateRequest | None = None
) -> Response:
    command = (body or DismissDuplicateRequest()).to_command(candidate_id, caller=context.caller)
    return await context.reply_json(await commands.dismiss_candidate(command, context.unit_of_work, context.clock))


async def _reply(query: DuplicateList, context: Context, *, contact_id: UUID | None) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        if contact_id is not None:
            await load_contact(connection, context.caller, contact_id)
        page = to_page(query, ORDER)
        statement = queries.select_candidates(
            context.caller, page, status=query.status, band=query.band, contact_id=contact_id
        )
        rows = await statement.fetch(connection)
        items = await queries.to_items(connection, context.caller, rows[: page.limit], of=contact_id)
    return await context.reply_page(items, next_cursor(page, rows))
