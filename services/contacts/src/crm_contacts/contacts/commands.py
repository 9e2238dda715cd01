"""Use cases of contacts: load, decide, save, tell; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from crm_contacts.companies import repository as companies
from crm_contacts.contacts import domain, events, repository
from crm_contacts.contacts.domain import Contact, ContactEvent, NewContact
from crm_contacts.custom_data import require_known
from crm_contacts.emails import DuplicateEmail
from crm_contacts.owners import require_owner
from crm_contacts.phones import to_e164
from crm_contacts.unique_values import find_holder, try_update
from crm_shared.access import Caller
from crm_shared.audit import tell
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.refusals import UnknownReference, require_version


@dataclass(frozen=True, slots=True)
class CreateContact:
    """`new` without the phone's E.164 form: that depends on the tenant."""

    caller: Caller
    new: NewContact
    custom_data: Mapping[str, Any]


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
    """Create one contact, give its state. Raises DuplicateEmail, UnknownReference, UnknownCustomField, InvalidField."""
    caller, new = command.caller, command.new
    require_known(command.custom_data)
    async with unit_of_work.begin(caller) as transaction:
        await require_owner(transaction, caller, new.owner_id)
        await _require_company(transaction, caller, new.company_id)
        new = replace(new, phone_e164=await _find_e164(transaction, caller, new.phone))
        event = domain.create(new_id(), new, now=clock.now())
        holder_id = await find_holder(
            lambda: repository.insert(transaction, caller.tenant_id, event.contact),
            lambda: repository.find_with_email(transaction, caller.tenant_id, new.email),
        )
        if holder_id is not None:
            raise DuplicateEmail(holder_id)
        await _tell(transaction, caller, event)
    return events.to_state(event.contact)


async def edit_contact(command: EditContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields of one contact.

    Raises ContactNotFound, StaleVersion, DuplicateEmail, UnknownReference, UnknownCustomField, InvalidField.
    """
    caller = command.caller
    require_known(command.changes.get("custom_data", {}))
    async with unit_of_work.begin(caller) as transaction:
        contact = await repository.load_for_update(transaction, caller, command.contact_id)
        require_version(contact.version, command.expected_version)
        changes = await _check(transaction, caller, contact, command.changes)
        event = domain.edit(contact, changes, now=clock.now())
        if event is None:
            return events.to_state(contact)
        await _save(transaction, caller, event.contact, has_new_email=event.contact.email != contact.email)
        await _tell(transaction, caller, event)
    return events.to_state(event.contact)


async def add_tag(command: TagContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Put a tag on one contact, unless it is there. Raises ContactNotFound, StaleVersion, InvalidField."""
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command)
        event = domain.add_tag(contact, command.tag, now=clock.now())
        return await _conclude(transaction, command.caller, contact, event)


async def remove_tag(command: TagContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Take a tag off one contact, if it is there. Raises ContactNotFound, StaleVersion."""
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command)
        event = domain.remove_tag(contact, command.tag, now=clock.now())
        return await _conclude(transaction, command.caller, contact, event)


async def delete_contact(command: DeleteContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one contact, give its last state. Raises ContactNotFound, StaleVersion."""
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command)
        event = domain.delete(contact, now=clock.now())
        return await _conclude(transaction, command.caller, contact, event)


async def _load(transaction: Transaction, command: TagContact | DeleteContact) -> Contact:
    contact = await repository.load_for_update(transaction, command.caller, command.contact_id)
    require_version(contact.version, command.expected_version)
    return contact


async def _conclude(
    transaction: Transaction, caller: Caller, contact: Contact, event: ContactEvent | None
) -> dict[str, Any]:
    if event is None:
        return events.to_state(contact)
    await repository.save(transaction, caller.tenant_id, event.contact)
    await _tell(transaction, caller, event)
    return events.to_state(event.contact)


async def _tell(transaction: Transaction, caller: Caller, event: ContactEvent) -> None:
    await tell(transaction, [events.to_wire(event, tenant_id=caller.tenant_id, actor_id=caller.user_id)])


async def _check(
    transaction: Transaction, caller: Caller, contact: Contact, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Hold new references against what is there, and bring a new phone into E.164."""
    if changes.get("owner_id", contact.owner_id) != contact.owner_id:
        await require_owner(transaction, caller, changes["owner_id"])
    if changes.get("company_id", contact.company_id) != contact.company_id:
        await _require_company(transaction, caller, changes["company_id"])
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


async def _save(transaction: Transaction, caller: Caller, contact: Contact, *, has_new_email: bool) -> None:
    if not has_new_email:
        await repository.save(transaction, caller.tenant_id, contact)
        return
    holder_id = await find_holder(
        lambda: try_update(transaction, lambda: repository.save(transaction, caller.tenant_id, contact)),
        lambda: repository.find_with_email(transaction, caller.tenant_id, contact.email),
    )
    if holder_id is not None:
        raise DuplicateEmail(holder_id)
