"""HTTP of quotas."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_reporting.quotas import commands, queries
from crm_reporting.quotas.commands import DeleteQuota, QuotaNotFound
from crm_reporting.quotas.schemas import Quota, QuotaList, QuotaPage, SetQuotaRequest
from crm_shared.access import Permission
from crm_shared.database import Where
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.http.context import Context
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import Forbidden, InvalidField, StaleVersion, UnknownReference

router = APIRouter(prefix="/quotas", tags=["quotas"], route_class=CrmRoute)

SORTS = {"created_at": SortField("q.created_at", datetime), "month": SortField("q.first_day", date)}


@router.put(
    "",
    response_model=Quota,
    summary="Set a user's quota of a month",
    responses=problems(Forbidden, UnknownReference),
    dependencies=[requires(Permission.WRITE_QUOTAS)],
)
async def set_quota(body: SetQuotaRequest, context: Context, references: ReferenceLookup) -> Response:
    command = body.to_command(context.caller)
    quota = await commands.set_quota(command, context.unit_of_work, references, context.clock)
    return context.reply_written("quota", quota)


@router.get("", response_model=QuotaPage, summary="List the quotas of users in your sight", responses=problems())
async def list_quotas(query: Annotated[QuotaList, Query()], context: Context) -> Response:
    page = to_page(query, parse_order(query.sort, SORTS, id_column="q.id"))
    statement = queries.select_quotas(
        context.caller,
        to_where(query, context.caller.tenant_id),
        page,
        users=query.user_id,
        is_one_month=query.month is not None,
    )
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await statement.fetch(connection)
    return await context.reply_sorted(rows, page, hidden=queries.SORT_KEYS)


def to_where(query: QuotaList, tenant_id: UUID) -> Where:
    """Return the filters but the users. Raises InvalidField where the last month lies before the first."""
    if query.from_ is not None and query.to is not None and query.from_ > query.to:
        raise InvalidField.at("?from", "lies after `to`")
    where = Where(tenant_id)
    if query.month is not None:
        where.add("q.first_day = {}", query.month)
    if query.from_ is not None:
        where.add("q.first_day >= {}", query.from_)
    if query.to is not None:
        where.add("q.first_day <= {}", query.to)
    return where


@router.delete(
    "/{quota_id}",
    status_code=204,
    summary="Delete a quota",
    responses=problems(Forbidden, QuotaNotFound, StaleVersion),
    dependencies=[requires(Permission.WRITE_QUOTAS)],
)
async def delete_quota(quota_id: UUID, context: Context) -> Response:
    command = DeleteQuota(context.caller, quota_id, context.if_match)
    return context.reply_deleted("quota", await commands.delete_quota(command, context.unit_of_work))
