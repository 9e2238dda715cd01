"""HTTP of the audit: `GET /v1/<collection>/{id}/changes`, the same for every kind of record that has one."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_shared.access import Caller, Permission
from crm_shared.database import Connection
from crm_shared.features.audit.queries import ORDER, RecordChangePage, list_changes
from crm_shared.http.context import Context
from crm_shared.http.cursors import next_cursor, to_page
from crm_shared.http.models import PageQuery
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import NotFound

Load = Callable[[Connection, Caller, UUID], Awaitable[object]]
"""Reads a record in the caller's sight, and raises NotFound for any other."""


def change_router(aggregate: str, collection: str, load: Load) -> APIRouter:
    """Make the route for one kind of record.

    Who sees a record sees its changes; who has SEE_ALL those of deleted ones too.
    """
    router = APIRouter(prefix=f"/{collection}", tags=[collection], route_class=CrmRoute)

    @router.get(
        "/{record_id}/changes",
        response_model=RecordChangePage,
        summary=f"List the changes of a {aggregate}",
        responses=problems(NotFound),
    )
    async def read_changes(record_id: UUID, query: Annotated[PageQuery, Query()], context: Context) -> Response:
        caller = context.caller
        async with context.database.read(caller.tenant_id) as connection:
            if not caller.can(Permission.SEE_ALL):
                await load(connection, caller, record_id)
            page = to_page(query, ORDER)
            rows = await list_changes(connection, caller.tenant_id, aggregate, record_id, page)
        if not rows and query.cursor is None:
            raise NotFound(f"There is no such {aggregate}.")
        items = [{name: row[name] for name in row if name != "id"} for row in rows[: page.limit]]
        return await context.reply_page(items, next_cursor(page, rows))

    return router
