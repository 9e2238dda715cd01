"""HTTP of custom fields. Each service that has records with custom fields makes a router for its entity types."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_shared.access import Permission
from crm_shared.features.custom_fields import commands, queries
from crm_shared.features.custom_fields.commands import DeleteCustomField
from crm_shared.features.custom_fields.domain import (
    CustomFieldNotFound,
    DuplicateKey,
    KeyInDeletion,
    TooManyCustomFields,
    TooManyIndexes,
)
from crm_shared.features.custom_fields.kinds import EntityType
from crm_shared.features.custom_fields.schemas import (
    CreateCustomFieldRequest,
    CustomFieldList,
    CustomFieldPage,
    CustomFieldState,
    EditCustomFieldRequest,
)
from crm_shared.http.context import Context
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import Forbidden, InvalidField, StaleVersion

AGGREGATE = "custom_field"
PREFIX = "/custom-fields"
TAGS: list[str | Enum] = ["custom fields"]
SORTS = {
    "created_at": SortField("f.created_at", datetime),
    "updated_at": SortField("f.updated_at", datetime),
    "key": SortField("f.key", str),
}
WRITES = requires(Permission.WRITE_CUSTOM_FIELDS)


def make_router(entity_types: Collection[EntityType]) -> APIRouter:
    """Make `/custom-fields` of a service that keeps the records of `entity_types`; others are 422."""
    router = APIRouter()
    router.include_router(_make_reads(entity_types))
    router.include_router(_make_writes(entity_types))
    return router


def _make_reads(entity_types: Collection[EntityType]) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=TAGS, route_class=CrmRoute)

    @router.get("", response_model=CustomFieldPage, summary="List custom fields", responses=problems())
    async def list_custom_fields(query: Annotated[CustomFieldList, Query()], context: Context) -> Response:
        if query.entity_type is not None:
            _require_kept(query.entity_type, entity_types, at="?entity_type")
        page = to_page(query, parse_order(query.sort, SORTS, id_column="f.id"))
        async with context.database.read(context.caller.tenant_id) as connection:
            rows = await queries.select_fields(context.caller, query.entity_type, page).fetch(connection)
        return await context.reply_sorted(rows, page)

    @router.get(
        "/{field_id}",
        response_model=CustomFieldState,
        summary="Get one custom field",
        responses=problems(CustomFieldNotFound),
    )
    async def get_custom_field(field_id: UUID, context: Context) -> Response:
        async with context.database.read(context.caller.tenant_id) as connection:
            field = await queries.load_field(connection, context.caller, field_id)
        return context.reply(field)

    return router


def _make_writes(entity_types: Collection[EntityType]) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=TAGS, route_class=CrmRoute, dependencies=[WRITES])

    @router.post(
        "",
        response_model=CustomFieldState,
        status_code=201,
        summary="Define a custom field",
        responses=problems(Forbidden, DuplicateKey, KeyInDeletion, TooManyCustomFields, TooManyIndexes),
    )
    async def create_custom_field(body: CreateCustomFieldRequest, context: Context) -> Response:
        _require_kept(body.entity_type, entity_types, at="/entity_type")
        command = body.to_command(context.caller)
        field = await commands.create_custom_field(command, context.unit_of_work, context.clock)
        return context.reply_written(AGGREGATE, field, status=201)

    @router.patch(
        "/{field_id}",
        response_model=CustomFieldState,
        summary="Change a custom field",
        responses=problems(Forbidden, CustomFieldNotFound, StaleVersion, TooManyIndexes),
    )
    async def edit_custom_field(field_id: UUID, body: EditCustomFieldRequest, context: Context) -> Response:
        command = body.to_command(field_id, caller=context.caller, expected_version=context.if_match)
        field = await commands.edit_custom_field(command, context.unit_of_work, context.clock)
        return context.reply_written(AGGREGATE, field)

    @router.delete(
        "/{field_id}",
        status_code=204,
        summary="Delete a custom field and its values",
        responses=problems(Forbidden, CustomFieldNotFound, StaleVersion),
    )
    async def delete_custom_field(field_id: UUID, context: Context) -> Response:
        command = DeleteCustomField(context.caller, field_id, context.if_match)
        field = await commands.delete_custom_field(command, context.unit_of_work, context.clock)
        return context.reply_deleted(AGGREGATE, field)

    return router


def _require_kept(entity_type: EntityType, kept: Collection[EntityType], *, at: str) -> None:
    if entity_type not in kept:
        raise InvalidField.at(at, f"takes {', '.join(kept)} here: another service keeps the others")
