"""SQL that writes exchange rates."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

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

LOCK_RATE = """
    SELECT id, version, currency, base_currency, effective_on, rate, created_at, updated_at
      FROM exchange_rates
     WHERE tenant_id = $1 AND id = $2
       FOR UPDATE
"""
DELETE_RATE = "DELETE FROM exchange_rates WHERE tenant_id = $1 AND id = $2"


async def lock(transaction: Transaction, tenant_id: UUID, rate_id: UUID) -> dict[str, Any] | None:
    """Lock one rate and give it; None when there is no such."""
    row = await transaction.fetchrow(LOCK_RATE, tenant_id, rate_id)
    return None if row is None else dict(row)


async def delete(transaction: Transaction, tenant_id: UUID, rate_id: UUID) -> None:
    await transaction.execute(DELETE_RATE, tenant_id, rate_id)


async def save(
    transaction: Transaction, caller: Caller, *, currency: str, effective_on: date, rate: Decimal, now: datetime
) -> dict[str, Any]:
    """Write one day's rate and give the row; the same rate again leaves it as it is."""
    key = (caller.base_currency, currency, effective_on)
    await transaction.execute(SET_RATE, caller.tenant_id, new_id(), *key, rate, now)
    [row] = await transaction.fetch(LOAD_RATE, caller.tenant_id, *key)
    return dict(row)
