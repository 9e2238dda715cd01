"""Use cases of custom fields: one transaction each, alone with the entity type's fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.database import UnitOfWork
from crm_shared.features.custom_fields import domain, repository
from crm_shared.features.custom_fields.domain import NewCustomField
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class CreateCustomField:
    caller: Caller
    new: NewCustomField


@dataclass(frozen=True, slots=True)
class EditCustomField:
    """`changes`: the fields that the request named."""

    caller: Caller
    field_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class DeleteCustomField:
    caller: Caller
    field_id: UUID
    expected_version: tuple[int, ...] | None


async def create_custom_field(command: CreateCustomField, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Define a field. Raises DuplicateKey, KeyInDeletion, TooManyCustomFields, TooManyIndexes, InvalidField."""
    tenant_id, new = command.caller.tenant_id, command.new
    field = domain.create(new_id(), new, now=clock.now())
    async with unit_of_work.begin(command.caller) as transaction:
        await repository.lock_fields(transaction, tenant_id, new.entity_type)
        await repository.require_free_key(transaction, tenant_id, new.entity_type, new.key)
        await repository.insert(transaction, tenant_id, field)
        await repository.require_room(transaction, tenant_id, new.entity_type)
    return repository.to_state(field)


async def edit_custom_field(command: EditCustomField, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change a field; it holds for every record written afterwards.

    Raises CustomFieldNotFound, StaleVersion, TooManyIndexes, InvalidField.
    """
    async with unit_of_work.begin(command.caller) as transaction:
        field = await repository.lock_field(transaction, command.caller.tenant_id, command.field_id)
        require_version(field.version, command.expected_version)
        edited = domain.edit(field, command.changes, now=clock.now())
        if edited is None:
            return repository.to_state(field)
        await repository.save(transaction, command.caller.tenant_id, edited)
        await repository.require_room(transaction, command.caller.tenant_id, edited.entity_type)
    return repository.to_state(edited)


async def delete_custom_field(command: DeleteCustomField, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Delete a field and give its last state. Its values are gone from every answer at once.

    Raises CustomFieldNotFound, StaleVersion.
    """
    async with unit_of_work.begin(command.caller) as transaction:
        field = await repository.lock_field(transaction, command.caller.tenant_id, command.field_id)
        require_version(field.version, command.expected_version)
        await repository.delete(transaction, command.caller.tenant_id, field.id, clock.now())
    return repository.to_state(field)
