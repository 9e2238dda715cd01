"""Use cases of exchange rates: one transaction each. Nothing is published: rates concern reports alone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates import repository
from crm_shared.access import Caller, Permission
from crm_shared.clock import Clock
from crm_shared.database import UnitOfWork
from crm_shared.refusals import InvalidField, NotFound, require_version


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


@dataclass(frozen=True, slots=True)
class DeleteExchangeRate:
    caller: Caller
    rate_id: UUID
    expected_version: tuple[int, ...] | None

    @property
    def tenant_id(self) -> UUID:
        return self.caller.tenant_id


class RateNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such exchange rate.")


async def set_exchange_rate(command: SetExchangeRate, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Set one day's rate and give it; the same rate again changes nothing. Raises Forbidden, InvalidField."""
    caller = command.caller
    caller.require(Permission.WRITE_EXCHANGE_RATES, "set exchange rates")
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


async def delete_exchange_rate(command: DeleteExchangeRate, unit_of_work: UnitOfWork) -> dict[str, Any]:
    """Delete one day's rate and give it as it was: from now on reports use the one before, or name it as missing.

    Raises Forbidden, RateNotFound, StaleVersion.
    """
    caller = command.caller
    caller.require(Permission.WRITE_EXCHANGE_RATES, "delete exchange rates")
    async with unit_of_work.begin(caller) as transaction:
        rate = await repository.lock(transaction, caller.tenant_id, command.rate_id)
        if rate is None:
            raise RateNotFound
        require_version(rate["version"], command.expected_version)
        await repository.delete(transaction, caller.tenant_id, command.rate_id)
    return rate
