"""HTTP of activities."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.activities import commands, queries
from crm_activities.activities.commands import CompleteActivity, DeleteActivity, ReopenActivity
from crm_activities.activities.filters import to_where
from crm_activities.activities.schemas import (
    ActivityList,
    ActivityPage,
    EditActivityRequest,
    LogActivityRequest,
)
from crm_shared.contracts.states import ActivityState
from crm_shared.http.context import Context
from crm_shared.http.cursors import SortField, parse_order
from crm_shared.http.route import CrmRoute
from crm_shared.replicas.dependency import ReferenceLookup

router = APIRouter(prefix="/activities", tags=["activities"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("a.created_at", datetime),
    "updated_at": SortField("a.updated_at", datetime),
    "occurred_at": SortField("a.occurred_at", datetime),
}


@router.post("", response_model=ActivityState, status_code=201, summary="Log an activity")
async def log_activity(body: LogActivityRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(context.caller)
    activity = await commands.log_activity(command, context.unit_of_work, references, context.clock)
    return context.reply_written("activity", activity, status=201)


@router.get("", response_model=ActivityPage, summary="List the activities that you may see")
async def list_activities(query: Annotated[ActivityList, Query()], context: Context) -> Response:
    order = parse_order(query.sort, SORTS, id_column="a.id")
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.list_activities(
            connection,
            context.caller,
            to_where(query, context.caller),
            order=order,
            cursor=query.cursor,
            limit=query.limit,
        )
    return context.reply_sorted(rows, order, query.limit)


@router.get("/{activity_id}", response_model=ActivityState, summary="Get one activity")
async def get_activity(activity_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        activity = await queries.load_activity(connection, context.caller, activity_id)
    return context.reply(activity)


@router.patch("/{activity_id}", response_model=ActivityState, summary="Change fields of an activity")
async def edit_activity(
    activity_id: UUID, body: EditActivityRequest, context: Context, references: ReferenceLookup
) -> Response:
    command = body.to_command(activity_id, caller=context.caller, expected_version=context.if_match)
    activity = await commands.edit_activity(command, context.unit_of_work, references, context.clock)
    return context.reply_written("activity", activity)


@router.post("/{activity_id}/complete", response_model=ActivityState, summary="Complete a task or meeting")
async def complete_activity(activity_id: UUID, context: Context) -> Response:
    command = CompleteActivity(context.caller, activity_id, context.if_match)
    activity = await commands.complete_activity(command, context.unit_of_work, context.clock)
    return context.reply_written("activity", activity)


@router.post("/{activity_id}/reopen", response_model=ActivityState, summary="Reopen a task or meeting")
async def reopen_activity(activity_id: UUID, context: Context) -> Response:
    command = ReopenActivity(context.caller, activity_id, context.if_match)
    activity = await commands.reopen_activity(command, context.unit_of_work, context.clock)
    return context.reply_written("activity", activity)


@router.delete("/{activity_id}", status_code=204, summary="Delete an activity")
async def delete_activity(activity_id: UUID, context: Context) -> Response:
    command = DeleteActivity(context.caller, activity_id, context.if_match)
    activity = await commands.delete_activity(command, context.unit_of_work, context.clock)
    return context.reply_deleted("activity", activity)
