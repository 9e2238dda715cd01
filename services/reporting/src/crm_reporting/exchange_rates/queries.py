"""SQL that reads exchange rates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crm_reporting.exchange_rates.conversion import DatedCurrency, DatedRates
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

SELECT_RATES = """
    SELECT r.id, r.version, r.currency, r.base_currency, r.effective_on, r.rate, r.created_at, r.updated_at
      FROM exchange_rates r
     WHERE r.tenant_id = $1 AND r.base_currency = $2 AND """

# The last rate on or before each day wanted.
LOAD_RATES = """
    SELECT wanted.currency, wanted.day, found.rate
      FROM unnest($3::text[], $4::date[]) AS wanted (currency, day)
      JOIN LATERAL (SELECT r.rate
                      FROM exchange_rates r
                     WHERE r.tenant_id = $1 AND r.base_currency = $2 AND r.currency = wanted.currency
                       AND r.effective_on <= wanted.day
                     ORDER BY r.effective_on DESC
                     LIMIT 1) AS found ON true
"""


async def list_rates(
    connection: Connection, caller: Caller, *, currency: str | None, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 rates to the present base currency."""
    where = Where(caller.tenant_id, caller.base_currency)
    if currency is not None:
        where.add("r.currency = {}", currency)
    order.add_after(where, cursor)
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_RATES + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [dict(row) for row in rows]


async def load_rates(connection: Connection, caller: Caller, wanted: Iterable[DatedCurrency]) -> DatedRates:
    """Read the rates for these currencies on these days; no round trip when only the base is wanted."""
    days = sorted({(currency, day) for currency, day in wanted if currency != caller.base_currency})
    if not days:
        return DatedRates(caller.base_currency, {})
    rows = await connection.fetch(
        LOAD_RATES, caller.tenant_id, caller.base_currency, [day[0] for day in days], [day[1] for day in days]
    )
    return DatedRates(caller.base_currency, {(row["currency"], row["day"]): row["rate"] for row in rows})
