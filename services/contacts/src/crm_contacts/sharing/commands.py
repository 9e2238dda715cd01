"""Use cases of shares: load the contact, decide, save, publish; one transaction each."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_contacts.contacts import events, repository
from crm_contacts.contacts.domain import Contact, ContactShared, ContactUnshared
from crm_contacts.contacts.rights import Right
from crm_contacts.sharing import queries, rules
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.contracts.states import SharePermission
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import UnknownReference, require_version


@dataclass(frozen=True, slots=True)
class ShareContact:
    caller: Caller
    contact_id: UUID
    user_id: UUID
    permission: SharePermission
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class UnshareContact:
    caller: Caller
    contact_id: UUID
    user_id: UUID
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Shared:
    """The contact's state with the share in it. `is_new`: the user had none before."""

    contact: dict[str, Any]
    share: dict[str, Any]
    is_new: bool


async def share_contact(command: ShareContact, unit_of_work: UnitOfWork, clock: Clock) -> Shared:
    """Share one contact with a colleague, or change what they may do.

    Raises ContactNotFound, Forbidden, StaleVersion, UnknownReference, InvalidField.
    """
    caller, user_id = command.caller, command.user_id
    async with unit_of_work.begin(caller) as transaction:
        contact = await _load(transaction, command)
        full_name = await queries.find_active_name(transaction, caller, user_id)
        if full_name is None:
            raise UnknownReference.at("/user_id", "there is no such active user")
        event = rules.share(contact, user_id, command.permission, by=caller.user_id, now=clock.now())
        if event is not None:
            await _save(transaction, caller, event)
    shared = contact if event is None else event.contact
    share = {"contact_id": contact.id, "full_name": full_name, **(rules.find_share(shared.shares, user_id) or {})}
    return Shared(events.to_state(shared), share, is_new=rules.find_share(contact.shares, user_id) is None)


async def unshare_contact(command: UnshareContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Take one share away, give the contact's state.

    Raises ContactNotFound, Forbidden, StaleVersion, ShareNotFound.
    """
    async with unit_of_work.begin(command.caller) as transaction:
        contact = await _load(transaction, command)
        event = rules.unshare(contact, command.user_id, now=clock.now())
        await _save(transaction, command.caller, event)
    return events.to_state(event.contact)


async def _load(transaction: Transaction, command: ShareContact | UnshareContact) -> Contact:
    contact = await repository.load_for_update(transaction, command.caller, command.contact_id, Right.GOVERN)
    require_version(contact.version, command.expected_version)
    return contact


async def _save(transaction: Transaction, caller: Caller, event: ContactShared | ContactUnshared) -> None:
    await repository.save(transaction, caller.tenant_id, event.contact)
    await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
