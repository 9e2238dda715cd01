"""HTTP of the directory."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_contacts.directory import commands, queries
from crm_contacts.directory.domain import LastAdmin, ManagerCycle, UserNotFound
from crm_contacts.directory.filters import to_where
from crm_contacts.directory.schemas import (
    CreateUserRequest,
    EditTenantRequest,
    EditUserRequest,
    Me,
    UserList,
    UserPage,
)
from crm_contacts.emails import DuplicateEmail
from crm_shared.access import Permission
from crm_shared.contracts.states import TenantState, UserState
from crm_shared.database.collations import PEOPLE_ORDER
from crm_shared.http.context import Context
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import Forbidden, NotFound, StaleVersion, UnknownReference

router = APIRouter(tags=["directory"], route_class=CrmRoute)

SORTS = {
    "created_at": SortField("u.created_at", datetime),
    "updated_at": SortField("u.updated_at", datetime),
    "full_name": SortField("u.full_name", str, PEOPLE_ORDER),
    "email": SortField("u.email", str, PEOPLE_ORDER),
}
WRITES_TENANT = requires(Permission.CHANGE_TENANT)
WRITES_USERS = requires(Permission.WRITE_USERS)


@router.get("/me", response_model=Me, summary="Who you are and how much you see", responses=problems(UserNotFound))
async def read_me(context: Context) -> Response:
    caller = context.caller
    async with context.database.read(caller.tenant_id) as connection:
        user = await queries.load_user(connection, caller, caller.user_id)
        tenant = await queries.load_tenant(connection, caller)
        count = await queries.count_visible_owners(connection, caller)
    return await context.reply_json({"user": user, "tenant": tenant, "role": caller.role, "visible_owner_count": count})


@router.get("/tenant", response_model=TenantState, summary="Get your tenant", responses=problems(NotFound))
async def get_tenant(context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        tenant = await queries.load_tenant(connection, context.caller)
    return context.reply(tenant)


@router.patch(
    "/tenant",
    response_model=TenantState,
    summary="Change your tenant",
    responses=problems(Forbidden, NotFound, StaleVersion),
    dependencies=[WRITES_TENANT],
)
async def edit_tenant(body: EditTenantRequest, context: Context) -> Response:
    command = body.to_command(caller=context.caller, expected_version=context.if_match)
    tenant = await commands.edit_tenant(command, context.unit_of_work, context.clock)
    return context.reply_written("tenant", tenant)


@router.post(
    "/users",
    response_model=UserState,
    status_code=201,
    summary="Create a user",
    responses=problems(Forbidden, UnknownReference, DuplicateEmail),
    dependencies=[WRITES_USERS],
)
async def create_user(body: CreateUserRequest, context: Context) -> Response:
    command = body.to_command(context.caller)
    user = await commands.create_user(command, context.unit_of_work, context.clock)
    return context.reply_written("user", user, status=201)


@router.get("/users", response_model=UserPage, summary="List the tenant's users", responses=problems())
async def list_users(query: Annotated[UserList, Query()], context: Context) -> Response:
    page = to_page(query, parse_order(query.sort, SORTS, id_column="u.id"))
    statement = queries.select_users(to_where(query, context.caller), page)
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await statement.fetch(connection)
    return await context.reply_sorted(rows, page)


@router.get("/users/{user_id}", response_model=UserState, summary="Get one user", responses=problems(UserNotFound))
async def get_user(user_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        user = await queries.load_user(connection, context.caller, user_id)
    return context.reply(user)


@router.patch(
    "/users/{user_id}",
    response_model=UserState,
    summary="Change fields of a user",
    responses=problems(
        Forbidden, UserNotFound, StaleVersion, UnknownReference, ManagerCycle, DuplicateEmail, LastAdmin
    ),
    dependencies=[WRITES_USERS],
)
async def edit_user(user_id: UUID, body: EditUserRequest, context: Context) -> Response:
    command = body.to_command(user_id, caller=context.caller, expected_version=context.if_match)
    user = await commands.edit_user(command, context.unit_of_work, context.clock)
    return context.reply_written("user", user)
