"""Use cases of contacts: load, decide, save, publish; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from crm_contacts.companies import repository as companies
from crm_contacts.contacts import domain, events, repository
from crm_contacts.contacts.domain import Contact, ContactEvent, NewContact
from crm_contacts.contacts.rights import Right
from crm_contacts.contacts.unique_owners import find_conflict
from crm_contacts.owners import require_owner
from crm_contacts.phones import to_e164
from crm_shared.access import Caller
from crm_shared.access.visible_records import find_visible_owners, require_visible_owner
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.database.unique_values import try_update, write_unique
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.writing import check_new, merge_changes
from crm_shared.publishing import publish
from crm_shared.refusals import UnknownReference, require_version


@dataclass(frozen=True, slots=True)
class CreateContact:
    """`new` as sent: its custom fields are not checked, nor is its phone in E.164; both depend on the tenant."""

    caller: Caller
    new: NewContact


@dataclass(frozen=True, slots=True)
class EditContact:
    """`changes`: the fields that the request named, None included."""

    caller: Caller
    contact_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class TagContact:
    """Put `tag` on, or take it off."""

    caller: Caller
    contact_id: UUID
    tag: str
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class DeleteContact:
    caller: Caller
    contact_id: UUID
    expected_version: tuple[int, ...] | None


async def create_contact(command: CreateContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create one contact, give its state.

    Raises DuplicateEmail, DuplicateExternalId, UnknownReference, UnknownCustomField, InvalidField.
    """
    caller, new = command.caller, command.new
    async with unit_of_work.begin(caller) as transaction:
        await require_owner(transaction, caller, new.owner_id)
        require_visible_owner(new.owner_id, await find_visible_owners(transaction, caller, [new.owner_id]))
        await _require_company(transaction, caller, new.company_id)
        custom_data = await check_new(transaction, caller.tenant_id, EntityType.CONTACT, new.custom_data)
        phone_e164 = await _find_e164(transaction, caller, new.phone)
        new = replace(new, phone_e164=phone_e164, custom_data=custom_data)
        event = domain.create(new_id(), new, now=clock.now())
        await write_unique(
            lambda: repository.insert(transaction, caller.tenant_id, event.contact),
            lambda: find_conflict(transaction, caller, event.contact),
        )
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.contact)


async def edit_contact(command: EditContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields of one contact.

    Raises ContactNotFound, Forbidden, StaleVersion, DuplicateEmail, DuplicateExternalId, UnknownReference,
    UnknownCustomField, InvalidField.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        contact = await repository.load_for_update(transaction, caller, command.contact_id)
        require_version(contact.version, command.expected_version)
        changes = await _check(transaction, caller, contact, command.changes)
        event = domain.edit(contact, changes, now=clock.now())
        if event is None:
            return events.to_state(contact)
        await save_unique(transaction, caller, event.contact, before=contact)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.contact)


async def add_tag(command: TagContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Put a tag on one contact, unless it is there. Raises ContactNotFound, Forbidden, StaleVersion, InvalidField."""
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command)
        event = domain.add_tag(contact, command.tag, now=clock.now())
        return await _conclude(transaction, command.caller, contact, event)


async def remove_tag(command: TagContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Take a tag off one contact, if it is there. Raises ContactNotFound, Forbidden, StaleVersion."""
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command)
        event = domain.remove_tag(contact, command.tag, now=clock.now())
        return await _conclude(transaction, command.caller, contact, event)


async def delete_contact(command: DeleteContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one contact, give its last state. Raises ContactNotFound, Forbidden, StaleVersion."""
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command, Right.GOVERN)
        event = domain.delete(contact, now=clock.now())
        return await _conclude(transaction, command.caller, contact, event)


async def _load(transaction: Transaction, command: TagContact | DeleteContact, right: Right = Right.WRITE) -> Contact:
    contact = await repository.load_for_update(transaction, command.caller, command.contact_id, right)
    require_version(contact.version, command.expected_version)
    return contact


async def _conclude(
    transaction: Transaction, caller: Caller, contact: Contact, event: ContactEvent | None
) -> dict[str, Any]:
    if event is None:
        return events.to_state(contact)
    await repository.save(transaction, caller.tenant_id, event.contact)
    await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.contact)


async def _check(
    transaction: Transaction, caller: Caller, contact: Contact, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Hold references and custom fields against what is there, and bring a new phone into E.164."""
    if changes.get("owner_id", contact.owner_id) != contact.owner_id:
        await repository.load_for_update(transaction, caller, contact.id, Right.GOVERN)  # a share is not enough
        await require_owner(transaction, caller, changes["owner_id"])
    if changes.get("company_id", contact.company_id) != contact.company_id:
        await _require_company(transaction, caller, changes["company_id"])
    changes = await merge_changes(transaction, caller.tenant_id, EntityType.CONTACT, contact.custom_data, changes)
    if changes.get("phone", contact.phone) == contact.phone:
        return dict(changes)  # an old number keeps the form it was given, should the tenant's country change
    return {**changes, "phone_e164": await _find_e164(transaction, caller, changes["phone"])}


async def _require_company(transaction: Transaction, caller: Caller, company_id: UUID | None) -> None:
    if company_id is not None and not await companies.is_visible(transaction, caller, company_id):
        raise UnknownReference.at("/company_id", "there is no such company")


async def _find_e164(transaction: Transaction, caller: Caller, phone: str | None) -> str | None:
    if phone is None:
        return None
    return to_e164(phone, await repository.load_region(transaction, caller.tenant_id))


async def save_unique(transaction: Transaction, caller: Caller, contact: Contact, *, before: Contact) -> None:
    """Write a changed contact. Raises DuplicateEmail, DuplicateExternalId."""
    if (contact.email, contact.external_id, contact.deleted_at) == (
        before.email, before.external_id, before.deleted_at
    ):  # fmt: skip
        await repository.save(transaction, caller.tenant_id, contact)
        return
    await write_unique(
        lambda: try_update(transaction, lambda: repository.save(transaction, caller.tenant_id, contact)),
        lambda: find_conflict(transaction, caller, contact),
    )
