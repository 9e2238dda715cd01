"""SQL that reads exchange rates."""

from collections.abc import Iterable
from datetime import date

from crm_reporting.exchange_rates.conversion import DatedCurrency, DatedRates
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, select_page

SELECT_RATES = """
    SELECT r.id, r.version, r.currency, r.base_currency, r.effective_on, r.rate, r.created_at, r.updated_at
      FROM exchange_rates r
     WHERE r.tenant_id = $1 AND """

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

# Of every currency that has a rate, found by skipping from each to the next.
LOAD_ALL_RATES = """
    WITH RECURSIVE known (currency) AS (
        SELECT min(r.currency) FROM exchange_rates r WHERE r.tenant_id = $1 AND r.base_currency = $2
         UNION ALL
        SELECT (SELECT min(r.currency)
                  FROM exchange_rates r
                 WHERE r.tenant_id = $1 AND r.base_currency = $2 AND r.currency > known.currency)
          FROM known
         WHERE known.currency IS NOT NULL
    )
    SELECT known.currency, wanted.day, found.rate
      FROM known
     CROSS JOIN unnest($3::date[]) AS wanted (day)
      JOIN LATERAL (SELECT r.rate
                      FROM exchange_rates r
                     WHERE r.tenant_id = $1 AND r.base_currency = $2 AND r.currency = known.currency
                       AND r.effective_on <= wanted.day
                     ORDER BY r.effective_on DESC
                     LIMIT 1) AS found ON true
"""

# Between two of these days every rate is what it was on the first.
LIST_RATE_DAYS = """
    SELECT DISTINCT r.effective_on
      FROM exchange_rates r
     WHERE r.tenant_id = $1 AND r.base_currency = $2 AND r.effective_on >= COALESCE($3, '-infinity'::date)
       AND r.effective_on <= COALESCE($4, 'infinity'::date)
"""


def select_rates(filters: Where, page: Page) -> ListStatement:
    """Return a page of rates. `filters` begins with the tenant as $1."""
    return select_page(SELECT_RATES, filters, page)


async def load_rates(connection: Connection, caller: Caller, wanted: Iterable[DatedCurrency]) -> DatedRates:
    """Read the rates for these currencies on these days; no round trip when only the base is wanted."""
    days = sorted({(currency, day) for currency, day in wanted if currency != caller.base_currency})
    if not days:
        return DatedRates(caller.base_currency, {})
    rows = await connection.fetch(
        LOAD_RATES, caller.tenant_id, caller.base_currency, [day[0] for day in days], [day[1] for day in days]
    )
    return DatedRates(caller.base_currency, {(row["currency"], row["day"]): row["rate"] for row in rows})


async def load_all_rates(connection: Connection, caller: Caller, days: Iterable[date]) -> DatedRates:
    """Read every currency's rate on each of these days, for statements that need rates to find what there is."""
    rows = await connection.fetch(LOAD_ALL_RATES, caller.tenant_id, caller.base_currency, sorted(set(days)))
    return DatedRates(caller.base_currency, {(row["currency"], row["day"]): row["rate"] for row in rows})


async def list_rate_days(
    connection: Connection, caller: Caller, first: date | None = None, last: date | None = None
) -> list[date]:
    """Return the days on which some rate changes: ever, or from `first` to `last`, both included."""
    rows = await connection.fetch(LIST_RATE_DAYS, caller.tenant_id, caller.base_currency, first, last)
    return [row["effective_on"] for row in rows]
