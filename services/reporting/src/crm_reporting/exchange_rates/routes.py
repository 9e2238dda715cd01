"""HTTP of exchange rates."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_reporting.exchange_rates import commands, queries
from crm_reporting.exchange_rates.schemas import (
    ExchangeRate,
    ExchangeRateList,
    ExchangeRatePage,
    SetExchangeRateRequest,
)
from crm_shared.http.context import Context
from crm_shared.http.cursors import SortField, parse_order
from crm_shared.http.roles import admin_only
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/exchange-rates", tags=["exchange rates"], route_class=CrmRoute)

SORTS = {"created_at": SortField("r.created_at", datetime), "effective_on": SortField("r.effective_on", date)}


@router.put(
    "",
    response_model=ExchangeRate,
    summary="Set a currency's rate from a day on",
    dependencies=[admin_only("set exchange rates")],
)
async def set_exchange_rate(body: SetExchangeRateRequest, context: Context) -> Response:
    rate = await commands.set_exchange_rate(body.to_command(context.caller), context.unit_of_work, context.clock)
    return context.reply_written("exchange_rate", rate)


@router.get("", response_model=ExchangeRatePage, summary="List the rates to the base currency")
async def list_exchange_rates(query: Annotated[ExchangeRateList, Query()], context: Context) -> Response:
    order = parse_order(query.sort, SORTS, id_column="r.id")
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.list_rates(
            connection, context.caller, currency=query.currency, order=order, cursor=query.cursor, limit=query.limit
        )
    return context.reply_sorted(rows, order, query.limit)
