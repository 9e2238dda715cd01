"""Use cases of companies: load, decide, save, publish; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from crm_contacts.companies import domain, events, repository
from crm_contacts.companies.domain import Company, NewCompany
from crm_contacts.companies.unique_owners import find_conflict
from crm_contacts.owners import require_owner
from crm_shared.access import Caller
from crm_shared.access.visible_records import find_visible_owners, require_visible_owner
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.database.unique_values import try_update, write_unique
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.writing import check_new, merge_changes
from crm_shared.publishing import publish
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class CreateCompany:
    """`new` as sent: its custom fields are not checked."""

    caller: Caller
    new: NewCompany


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


@dataclass(frozen=True, slots=True)
class RestoreCompany:
    caller: Caller
    company_id: UUID
    expected_version: tuple[int, ...] | None


async def create_company(command: CreateCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create one company, give its state. Raises DuplicateDomain, UnknownReference, UnknownCustomField."""
    caller, new = command.caller, command.new
    async with unit_of_work.begin(caller) as transaction:
        await require_owner(transaction, caller, new.owner_id)
        require_visible_owner(new.owner_id, await find_visible_owners(transaction, caller, [new.owner_id]))
        custom_data = await check_new(transaction, caller.tenant_id, EntityType.COMPANY, new.custom_data)
        event = domain.create(new_id(), replace(new, custom_data=custom_data), now=clock.now())
        await write_unique(
            lambda: repository.insert(transaction, caller.tenant_id, event.company),
            lambda: find_conflict(transaction, caller, event.company),
        )
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.company)


async def edit_company(command: EditCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields of one company.

    Raises CompanyNotFound, StaleVersion, DuplicateDomain, UnknownReference, UnknownCustomField.
    """
    caller, changes = command.caller, command.changes
    async with unit_of_work.begin(caller) as transaction:
        company = await repository.load_for_update(transaction, caller, command.company_id)
        require_version(company.version, command.expected_version)
        if changes.get("owner_id", company.owner_id) != company.owner_id:
            await require_owner(transaction, caller, changes["owner_id"])
        changes = await merge_changes(transaction, caller.tenant_id, EntityType.COMPANY, company.custom_data, changes)
        event = domain.edit(company, changes, now=clock.now())
        if event is None:
            return events.to_state(company)
        await _save_unique(transaction, caller, event.company, before=company)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.company)


async def delete_company(command: DeleteCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one company, give its last state. Raises CompanyNotFound, StaleVersion."""
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        company = await repository.load_for_update(transaction, caller, command.company_id)
        require_version(company.version, command.expected_version)
        event = domain.delete(company, now=clock.now())
        await repository.save(transaction, caller.tenant_id, event.company)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.company)


async def restore_company(command: RestoreCompany, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Bring one company back, give its state; one that is there stays as it is.

    Raises CompanyNotFound (also for one that is gone for good), StaleVersion, and DuplicateDomain when another company
    has taken its domain meanwhile.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        company = await repository.load_any_for_update(transaction, caller, command.company_id)
        require_version(company.version, command.expected_version)
        event = domain.restore(company, now=clock.now())
        if event is None:
            return events.to_state(company)
        await _save_unique(transaction, caller, event.company, before=company)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.company)


async def _save_unique(transaction: Transaction, caller: Caller, company: Company, *, before: Company) -> None:
    if (company.domain, company.deleted_at) == (before.domain, before.deleted_at):
        await repository.save(transaction, caller.tenant_id, company)
        return
    await write_unique(
        lambda: try_update(transaction, lambda: repository.save(transaction, caller.tenant_id, company)),
        lambda: find_conflict(transaction, caller, company),
    )
