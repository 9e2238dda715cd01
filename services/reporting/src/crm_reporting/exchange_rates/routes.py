"""HTTP of exchange rates."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_reporting.exchange_rates import commands, queries
from crm_reporting.exchange_rates.commands import DeleteExchangeRate, RateNotFound
from crm_reporting.exchange_rates.schemas import (
    ExchangeRate,
    ExchangeRateList,
    ExchangeRatePage,
    SetExchangeRateRequest,
)
from crm_shared.access import Permission
from crm_shared.database import Where
from crm_shared.http.context import Context
from crm_shared.http.cursors import parse_order, to_page
from crm_shared.http.guards import requires
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import SortField
from crm_shared.refusals import Forbidden, StaleVersion

router = APIRouter(prefix="/exchange-rates", tags=["exchange rates"], route_class=CrmRoute)

SORTS = {"created_at": SortField("r.created_at", datetime), "effective_on": SortField("r.effective_on", date)}


@router.put(
    "",
    response_model=ExchangeRate,
    summary="Set a currency's rate from a day on",
    responses=problems(Forbidden),
    dependencies=[requires(Permission.WRITE_EXCHANGE_RATES, "set exchange rates")],
)
async def set_exchange_rate(body: SetExchangeRateRequest, context: Context) -> Response:
    rate = await commands.set_exchange_rate(body.to_command(context.caller), context.unit_of_work, context.clock)
    return context.reply_written("exchange_rate", rate)


@router.get(
    "", response_model=ExchangeRatePage, summary="List rates, those to former base currencies too", responses=problems()
)
async def list_exchange_rates(query: Annotated[ExchangeRateList, Query()], context: Context) -> Response:
    page = to_page(query, parse_order(query.sort, SORTS, id_column="r.id"))
    where = Where(context.caller.tenant_id)
    if query.currency is not None:
        where.add("r.currency = {}", query.currency)
    if query.base_currency is not None:
        where.add("r.base_currency = {}", query.base_currency)
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.select_rates(where, page).fetch(connection)
    return await context.reply_sorted(rows, page)


@router.delete(
    "/{rate_id}",
    status_code=204,
    summary="Delete a rate that was set by mistake",
    responses=problems(Forbidden, RateNotFound, StaleVersion),
    dependencies=[requires(Permission.WRITE_EXCHANGE_RATES, "delete exchange rates")],
)
async def delete_exchange_rate(rate_id: UUID, context: Context) -> Response:
    command = DeleteExchangeRate(context.caller, rate_id, context.if_match)
    return context.reply_deleted("exchange_rate", await commands.delete_exchange_rate(command, context.unit_of_work))
