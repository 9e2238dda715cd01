"""Use cases of exchange rates: one transaction each. Nothing is published: rates concern reports alone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.database import UnitOfWork
from crm_shared.refusals import InvalidField

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


@dataclass(frozen=True, slots=True)
class SetExchangeRate:
    """From `effective_on` on, 1 unit of `currency` is `rate` units of the tenant's base currency."""

    caller: Caller
    currency: str
    effective_on: date
    rate: Decimal

    @property
    def tenant_id(self) -> UUID:
        return self.caller.tenant_id


async def set_exchange_rate(command: SetExchangeRate, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Set one day's rate and give it; the same rate again changes nothing. Raises Forbidden, InvalidField."""
    caller = command.caller
    caller.require_admin("set exchange rates")
    if command.currency == caller.base_currency:
        raise InvalidField.at("/currency", "is the tenant's base currency, whose rate is 1")
    key = (caller.base_currency, command.currency, command.effective_on)
    async with unit_of_work.begin(caller) as transaction:
        await transaction.execute(SET_RATE, caller.tenant_id, new_id(), *key, command.rate, clock.now())
        row = await transaction.fetchrow(LOAD_RATE, caller.tenant_id, *key)
    return dict(row or {})
