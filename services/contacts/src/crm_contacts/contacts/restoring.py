"""Use case: bring a deleted contact back."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_contacts.contacts import domain, events, repository
from crm_contacts.contacts.commands import save_unique
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class RestoreContact:
    caller: Caller
    contact_id: UUID
    expected_version: tuple[int, ...] | None


async def restore_contact(command: RestoreContact, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Bring one contact back, give its state; one that is there stays as it is.

    Raises ContactNotFound (also for one that is gone for good), Forbidden, StaleVersion, MergedAway, and DuplicateEmail
    or DuplicateExternalId when another contact has taken the value meanwhile.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        contact = await repository.load_any_for_update(transaction, caller, command.contact_id)
        require_version(contact.version, command.expected_version)
        event = domain.restore(contact, now=clock.now())
        if event is None:
            return events.to_state(contact)
        await save_unique(transaction, caller, event.contact, before=contact)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.contact)
