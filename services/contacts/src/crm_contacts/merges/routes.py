"""HTTP of merges."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.contacts.domain import ContactNotFound, DuplicateExternalId
from crm_contacts.contacts.events import to_state
from crm_contacts.emails import DuplicateEmail
from crm_contacts.merges import commands, queries
from crm_contacts.merges.commands import Outcome, UndoMerge
from crm_contacts.merges.domain import (
    AlreadyMerged,
    AlreadyUndone,
    LaterMerge,
    MergeErased,
    MergeNotFound,
    NamelessSurvivor,
)
from crm_contacts.merges.schemas import MergeAnswer, MergeList, MergePage, MergeRequest, MergeState, UndoAnswer
from crm_shared.features.custom_fields.definitions import UnknownCustomField
from crm_shared.http import positions
from crm_shared.http.context import Context
from crm_shared.http.cursors import to_page
from crm_shared.http.positions import Position
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, SortField
from crm_shared.refusals import Forbidden, StaleVersion, UnknownReference

router = APIRouter(tags=["merges"], route_class=CrmRoute)

ORDER = Order("-merged_at", SortField("m.merged_at", datetime), is_descending=True, id_column="m.id")


@router.post(
    "/contacts/{contact_id}/merge",
    response_model=MergeAnswer,
    summary="Merge another contact into this one",
    responses=problems(ContactNotFound, Forbidden, StaleVersion, UnknownReference, UnknownCustomField, AlreadyMerged),
)
async def merge_contacts(contact_id: UUID, body: MergeRequest, context: Context) -> Response:
    command = body.to_command(contact_id, caller=context.caller, expected_version=context.if_match)
    outcome = await commands.merge_contacts(command, context.unit_of_work, context.clock)
    answer = {"merge_id": outcome.merge_id, "contact": to_state(outcome.survivor)}
    response = await context.reply_json(answer)
    return response if outcome.merge_id is None else _mark(response, outcome)


@router.get("/merges", response_model=MergePage, summary="List merges, newest first", responses=problems())
async def list_merges(query: Annotated[MergeList, Query()], context: Context) -> Response:
    page = to_page(query, ORDER)
    statement = queries.select_merges(
        context.caller, page, contact_id=query.contact_id, updated_since=query.updated_since
    )
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await statement.fetch(connection)
    return await context.reply_sorted(rows, page)


@router.get("/merges/{merge_id}", response_model=MergeState, summary="Get one merge", responses=problems(MergeNotFound))
async def get_merge(merge_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        merge = await queries.load_merge(connection, context.caller, merge_id)
    return await context.reply_json(merge)


@router.post(
    "/merges/{merge_id}/undo",
    response_model=UndoAnswer,
    summary="Undo a merge",
    responses=problems(
        MergeNotFound,
        Forbidden,
        StaleVersion,
        AlreadyUndone,
        LaterMerge,
        MergeErased,
        NamelessSurvivor,
        DuplicateEmail,
        DuplicateExternalId,
    ),
)
async def undo_merge(merge_id: UUID, context: Context) -> Response:
    command = UndoMerge(context.caller, merge_id, context.if_match)
    outcome = await commands.undo_merge(command, context.unit_of_work, context.clock)
    other = to_state(outcome.other) if outcome.sees_other else None
    answer = {"merge_id": merge_id, "contact": to_state(outcome.survivor), "other": other}
    return _mark(await context.reply_json(answer), outcome)


def _mark(response: Response, outcome: Outcome) -> Response:
    """Put the survivor's version beside the answer, and the position of each that is seen: search can wait for them."""
    seen = (outcome.survivor, outcome.other) if outcome.sees_other else (outcome.survivor,)
    response.headers["ETag"] = f'"{outcome.survivor.version}"'
    response.headers[positions.HEADER] = positions.to_token(
        [Position("contact", contact.id, contact.version) for contact in seen]
    )
    return response
