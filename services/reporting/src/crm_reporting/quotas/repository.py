"""SQL that writes quotas."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Transaction

# Also the row that stays as it is is locked, so what is read next is what was written or found.
SET_QUOTA = """
    INSERT INTO quotas AS q (tenant_id, id, user_id, first_day, amount, currency, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)
    ON CONFLICT (tenant_id, user_id, first_day) DO UPDATE
       SET amount = excluded.amount, currency = excluded.currency, version = q.version + 1,
           updated_at = excluded.updated_at
     WHERE (q.amount, q.currency) <> (excluded.amount, excluded.currency)
"""

LOAD_QUOTA = """
    SELECT id, version, user_id, to_char(first_day, 'YYYY-MM') AS month, amount, currency, created_at, updated_at
      FROM quotas
     WHERE tenant_id = $1 AND user_id = $2 AND first_day = $3
"""

LOCK_QUOTA = """
    SELECT id, version, user_id, to_char(first_day, 'YYYY-MM') AS month, amount, currency, created_at, updated_at
      FROM quotas
     WHERE tenant_id = $1 AND id = $2
       FOR UPDATE
"""
DELETE_QUOTA = "DELETE FROM quotas WHERE tenant_id = $1 AND id = $2"


async def lock(transaction: Transaction, tenant_id: UUID, quota_id: UUID) -> dict[str, Any] | None:
    """Lock one quota and give it; None when there is no such."""
    row = await transaction.fetchrow(LOCK_QUOTA, tenant_id, quota_id)
    return None if row is None else dict(row)


async def delete(transaction: Transaction, tenant_id: UUID, quota_id: UUID) -> None:
    await transaction.execute(DELETE_QUOTA, tenant_id, quota_id)


async def save(
    transaction: Transaction,
    caller: Caller,
    *,
    user_id: UUID,
    first_day: date,
    amount: Decimal,
    currency: str,
    now: datetime,
) -> dict[str, Any]:
    """Write one user's quota of one month and give the row; the same quota again leaves it as it is."""
    key = (user_id, first_day)
    await transaction.execute(SET_QUOTA, caller.tenant_id, new_id(), *key, amount, currency, now)
    [row] = await transaction.fetch(LOAD_QUOTA, caller.tenant_id, *key)
    return dict(row)
