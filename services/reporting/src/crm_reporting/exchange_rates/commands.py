"""Use cases of exchange rates: one transaction each. Nothing is published: rates concern reports alone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates import repository
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import UnitOfWork
from crm_shared.refusals import InvalidField


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
    async with unit_of_work.begin(caller) as transaction:
        return await repository.save(
            transaction,
            caller,
            currency=command.currency,
            effective_on=command.effective_on,
            rate=command.rate,
            now=clock.now(),
        )
