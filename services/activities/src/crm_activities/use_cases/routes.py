"""HTTP of activities."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.activities import queries
from crm_activities.activities.domain import (
    ActivityNotFound,
    DuplicateExternalId,
    ErasedActivity,
    NothingToDo,
    NotYours,
    SystemNote,
)
from crm_activities.series.schemas import ScopeQuery
from crm_activities.threads.domain import DuplicateMessage
from crm_activities.use_cases import commands, lifecycle
from crm_activities.use_cases.commands import CompleteActivity, DeleteActivity, ReopenActivity
from crm_activities.use_cases.filters import leaves_many, to_where
from crm_activities.use_cases.lifecycle import RestoreActivity
from crm_activities.use_cases.schemas import (
    ActivityList,
    ActivityPage,
    EditActivityRequest,
    LogActivityRequest,
)
from crm_shared.access import Caller
from crm_shared.contracts.states import ActivityState
from crm_shared.database import Connection
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.http.context import Context
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Page, Rows, SortField
from crm_shared.refusals import Forbidden, StaleVersion, UnknownReference

router = APIRouter(prefix="/activities", tags=["activities"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("a.created_at", datetime),
    "updated_at": SortField("a.updated_at", datetime),
    "occurred_at": SortField("a.occurred_at", datetime),
}


@router.post(
    "",
    response_model=ActivityState,
    status_code=201,
    summary="Log an activity",
    responses=problems(Forbidden, UnknownReference, DuplicateExternalId, DuplicateMessage),
)
async def log_activity(body: LogActivityRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(context.caller)
    activity = await commands.log_activity(command, context.unit_of_work, references, context.clock)
    return context.reply_written("activity", activity, status=201)


@router.get("", response_model=ActivityPage, summary="List the activities that you may see", responses=problems())
async def list_activities(query: Annotated[ActivityList, Query()], context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        rows, page = await read_page(connection, context.caller, query)
    return await context.reply_sorted(rows, page)


async def read_page(connection: Connection, caller: Caller, query: ActivityList) -> tuple[Rows, Page]:
    """Return the rows that a list's parameters ask for, one beyond the page. Raises InvalidField."""
    page = to_page(query, parse_order(query.sort, SORTS, id_column="a.id"))
    zone = await queries.find_zone(connection, caller) if query.names_a_day else caller.time_zone
    where = to_where(query, caller, zone=zone)
    return await queries.list_activities(connection, caller, where, page, leaves_many=leaves_many(query)), page


@router.get(
    "/{activity_id}", response_model=ActivityState, summary="Get one activity", responses=problems(ActivityNotFound)
)
async def get_activity(activity_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        activity = await queries.load_activity(connection, context.caller, activity_id)
    return context.reply(activity)


@router.patch(
    "/{activity_id}",
    response_model=ActivityState,
    summary="Change fields of an activity",
    responses=problems(
        ActivityNotFound,
        NotYours,
        Forbidden,
        StaleVersion,
        UnknownReference,
        SystemNote,
        ErasedActivity,
        DuplicateExternalId,
        DuplicateMessage,
    ),
)
async def edit_activity(
    activity_id: UUID,
    body: EditActivityRequest,
    query: Annotated[ScopeQuery, Query()],
    context: Context,
    references: ReferenceLookup,
) -> Response:
    command = body.to_command(activity_id, caller=context.caller, expected_version=context.if_match, scope=query.scope)
    activity = await commands.edit_activity(command, context.unit_of_work, references, context.clock)
    return context.reply_written("activity", activity)


@router.post(
    "/{activity_id}/complete",
    response_model=ActivityState,
    summary="Complete a task or meeting",
    responses=problems(ActivityNotFound, NotYours, StaleVersion, NothingToDo, ErasedActivity),
)
async def complete_activity(activity_id: UUID, context: Context) -> Response:
    command = CompleteActivity(context.caller, activity_id, context.if_match)
    activity = await commands.complete_activity(command, context.unit_of_work, context.clock)
    return context.reply_written("activity", activity)


@router.post(
    "/{activity_id}/reopen",
    response_model=ActivityState,
    summary="Reopen a task or meeting",
    responses=problems(ActivityNotFound, NotYours, StaleVersion, NothingToDo, ErasedActivity),
)
async def reopen_activity(activity_id: UUID, context: Context) -> Response:
    command = ReopenActivity(context.caller, activity_id, context.if_match)
    activity = await commands.reopen_activity(command, context.unit_of_work, context.clock)
    return context.reply_written("activity", activity)


@router.delete(
    "/{activity_id}",
    status_code=204,
    summary="Delete an activity",
    responses=problems(ActivityNotFound, NotYours, StaleVersion, SystemNote),
)
async def delete_activity(activity_id: UUID, query: Annotated[ScopeQuery, Query()], context: Context) -> Response:
    command = DeleteActivity(context.caller, activity_id, context.if_match, query.scope)
    activity = await commands.delete_activity(command, context.unit_of_work, context.clock)
    return context.reply_deleted("activity", activity)


@router.post(
    "/{activity_id}/restore",
    response_model=ActivityState,
    summary="Bring a deleted activity back",
    responses=problems(ActivityNotFound, NotYours, StaleVersion, DuplicateExternalId, DuplicateMessage),
)
async def restore_activity(activity_id: UUID, context: Context) -> Response:
    command = RestoreActivity(context.caller, activity_id, context.if_match)
    activity = await lifecycle.restore_activity(command, context.unit_of_work, context.clock)
    return context.reply_written("activity", activity)
