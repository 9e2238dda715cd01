"""Use cases of quotas: one transaction each. Nothing is published: quotas concern reports alone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_reporting.quotas import repository
from crm_shared.access import Caller, Permission
from crm_shared.clock import Clock
from crm_shared.database import UnitOfWork
from crm_shared.features.replicas.references import Reference, References
from crm_shared.money import to_amount
from crm_shared.refusals import NotFound, require_version


@dataclass(frozen=True, slots=True)
class SetQuota:
    """In the month that begins with `first_day` the user is to win `amount`."""

    caller: Caller
    user_id: UUID
    first_day: date
    amount: Decimal
    currency: str

    @property
    def tenant_id(self) -> UUID:
        return self.caller.tenant_id


@dataclass(frozen=True, slots=True)
class DeleteQuota:
    caller: Caller
    quota_id: UUID
    expected_version: tuple[int, ...] | None

    @property
    def tenant_id(self) -> UUID:
        return self.caller.tenant_id


class QuotaNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such quota.")


async def set_quota(
    command: SetQuota, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[str, Any]:
    """Set one user's quota of one month and give it; the same again changes nothing.

    Whoever has left keeps quotas, and may be given some: past months are to be set right too. Raises Forbidden,
    InvalidField, UnknownReference.
    """
    caller = command.caller
    caller.require(Permission.WRITE_QUOTAS)
    amount = to_amount(command.amount, command.currency)
    await references.require(caller, Reference("/user_id", "user", command.user_id, may_have_left=True))
    async with unit_of_work.begin(caller) as transaction:
        return await repository.save(
            transaction,
            caller,
            user_id=command.user_id,
            first_day=command.first_day,
            amount=amount,
            currency=command.currency,
            now=clock.now(),
        )


async def delete_quota(command: DeleteQuota, unit_of_work: UnitOfWork) -> dict[str, Any]:
    """Delete one quota and give it as it was. Raises Forbidden, QuotaNotFound, StaleVersion."""
    caller = command.caller
    caller.require(Permission.WRITE_QUOTAS)
    async with unit_of_work.begin(caller) as transaction:
        quota = await repository.lock(transaction, caller.tenant_id, command.quota_id)
        if quota is None:
            raise QuotaNotFound
        require_version(quota["version"], command.expected_version)
        await repository.delete(transaction, caller.tenant_id, command.quota_id)
    return quota
