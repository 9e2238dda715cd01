"""Use cases of companies: load, decide, save, tell; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_contacts.companies import domain, events, repository
from crm_contacts.companies.domain import Company, CompanyEvent, DuplicateDomain, NewCompany
from crm_contacts.custom_data import require_known
from crm_contacts.owners import require_owner
from crm_contacts.unique_values import find_holder, try_update
from crm_shared.access import Caller
from crm_shared.audit import tell
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class CreateCompany:
    caller: Caller
    new: NewCompany
    custom_data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EditCompany:
    """`changes`: the fields that the request named, None included."""

    caller: Caller
    company_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class DeleteCompany:
    caller: Caller
    company_id: UUID
    expected_version: tuple[int, ...] | None


async def create_company(command: CreateCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create one company, give its state. Raises DuplicateDomain, UnknownReference, UnknownCustomField."""
    caller, new = command.caller, command.new
    require_known(command.custom_data)
    async with unit_of_work.begin(caller) as transaction:
        await require_owner(transaction, caller, new.owner_id)
        event = domain.create(new_id(), new, now=clock.now())
        holder_id = await find_holder(
            lambda: repository.insert(transaction, caller.tenant_id, event.company),
            lambda: repository.find_with_domain(transaction, caller.tenant_id, new.domain),
        )
        if holder_id is not None:
            raise DuplicateDomain(holder_id)
        await _tell(transaction, caller, event)
    return events.to_state(event.company)


async def edit_company(command: EditCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields of one company.

    Raises CompanyNotFound, StaleVersion, DuplicateDomain, UnknownReference, UnknownCustomField.
    """
    caller, changes = command.caller, command.changes
    require_known(changes.get("custom_data", {}))
    async with unit_of_work.begin(caller) as transaction:
        company = await repository.load_for_update(transaction, caller, command.company_id)
        require_version(company.version, command.expected_version)
        if changes.get("owner_id", company.owner_id) != company.owner_id:
            await require_owner(transaction, caller, changes["owner_id"])
        event = domain.edit(company, changes, now=clock.now())
        if event is None:
            return events.to_state(company)
        await _save(transaction, caller, event.company, has_new_domain=event.company.domain != company.domain)
        await _tell(transaction, caller, event)
    return events.to_state(event.company)


async def delete_company(command: DeleteCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one company, give its last state. Raises CompanyNotFound, StaleVersion."""
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        company = await repository.load_for_update(transaction, caller, command.company_id)
        require_version(company.version, command.expected_version)
        event = domain.delete(company, now=clock.now())
        await repository.save(transaction, caller.tenant_id, event.company)
        await _tell(transaction, caller, event)
    return events.to_state(event.company)


async def _save(transaction: Transaction, caller: Caller, company: Company, *, has_new_domain: bool) -> None:
    if not has_new_domain:
        await repository.save(transaction, caller.tenant_id, company)
        return
    holder_id = await find_holder(
        lambda: try_update(transaction, lambda: repository.save(transaction, caller.tenant_id, company)),
        lambda: repository.find_with_domain(transaction, caller.tenant_id, company.domain),
    )
    if holder_id is not None:
        raise DuplicateDomain(holder_id)


async def _tell(transaction: Transaction, caller: Caller, event: CompanyEvent) -> None:
    await tell(transaction, [events.to_wire(event, tenant_id=caller.tenant_id, actor_id=caller.user_id)])
