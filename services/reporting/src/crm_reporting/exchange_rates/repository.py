"""SQL that writes exchange rates."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Transaction

SET_RATE = """
    INSERT INTO exchange_rates AS r (tenant_id, id, base_currency, currency, effective_on, rate, version,
                                     created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)
    ON CONFLICT (tenant_id, base_currency, currency, effective_on) DO UPDATE
       SET rate = excluded.rate, version = r.version + 1, updated_at = excluded.updated_at
     WHERE r.rate <> excluded.rate
"""

LOAD_RATE = """
    SELECT id, version, currency, base_currency, effective_on, rate, created_at, updated_at
      FROM exchange_rates
     WHERE tenant_id = $1 AND base_currency = $2 AND currency = $3 AND effective_on = $4
"""


async def save(
    transaction: Transaction, caller: Caller, *, currency: str, effective_on: date, rate: Decimal, now: datetime
) -> dict[str, Any]:
    """Write one day's rate and give the row; the same rate again leaves it as it is."""
    key = (caller.base_currency, currency, effective_on)
    await transaction.execute(SET_RATE, caller.tenant_id, new_id(), *key, rate, now)
    [row] = await transaction.fetch(LOAD_RATE, caller.tenant_id, *key)
    return dict(row)
