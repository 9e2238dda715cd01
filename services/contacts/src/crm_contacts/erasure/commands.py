"""The use case of erasing a contact, everywhere in this service and in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_contacts.contacts import domain, events
from crm_contacts.contacts import repository as contacts
from crm_contacts.contacts.domain import Contact, ContactErased, ContactNotFound
from crm_contacts.erasure import repository
from crm_contacts.erasure.places import forget_everywhere
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Connection, Transaction, UnitOfWork
from crm_shared.features.erasure.reannouncing import note_erased
from crm_shared.features.erasure.stored_answers import rewrite_answers
from crm_shared.publishing import publish
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class EraseContact:
    caller: Caller
    contact_id: UUID
    expected_version: tuple[int, ...] | None


async def erase_contact(command: EraseContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Erase one contact and all that merges made one with it; give the state of the one asked for.

    Deleted and merged ones too; one that is erased stays as it is. Raises ContactNotFound, StaleVersion.
    """
    async with unit_of_work.begin(command.caller) as transaction:
        members = await repository.lock_person(transaction, command.caller.tenant_id, command.contact_id)
        asked = next((member for member in members if member.id == command.contact_id), None)
        if asked is None:
            raise ContactNotFound
        require_version(asked.version, command.expected_version)
        erased = [event for member in members if (event := domain.erase(member, now=clock.now())) is not None]
        if erased:
            await _erase(transaction, command.caller, erased)
    shells = {event.contact.id: event.contact for event in erased}
    return events.to_state(shells.get(asked.id, asked))


async def _erase(transaction: Transaction, caller: Caller, erased: Sequence[ContactErased]) -> None:
    tenant_id = caller.tenant_id
    shells: dict[UUID, Contact] = {event.contact.id: event.contact for event in erased}
    await forget_everywhere(transaction, tenant_id, list(shells))
    for shell in shells.values():
        await contacts.save(transaction, tenant_id, shell)
    states = {shell_id: events.to_state(shell) for shell_id, shell in shells.items()}
    await rewrite_answers(transaction, tenant_id, states)
    await note_erased(transaction, tenant_id, list(shells), erased[0].at)
    await publish(transaction, events.MAPPING.to_wire(erased, by=caller), audited=True)


async def load_snapshots(connection: Connection, keys: Sequence[tuple[UUID, UUID]]) -> list[OutboxEvent]:
    """Lock contacts by (tenant id, id) and give a snapshot of each, to be published again."""
    rows = await repository.lock_contacts(connection, keys)
    return [events.MAPPING.snapshot(contact, tenant_id=tenant_id) for tenant_id, contact in rows]
