"""Use case: bring a deleted activity back."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_activities.activities import contacts, domain, events, repository
from crm_activities.threads import commands as threads
from crm_activities.use_cases.commands import require_writable
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import UnitOfWork
from crm_shared.features.replicas.canonical import lock_canonical
from crm_shared.publishing import publish
from crm_shared.refusals import Unavailable, require_version


@dataclass(frozen=True, slots=True)
class RestoreActivity:
    caller: Caller
    activity_id: UUID
    expected_version: tuple[int, ...] | None


async def restore_activity(command: RestoreActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Bring one activity back, give its state; one that is there stays as it is.

    Contacts that were merged or parted meanwhile it has as if it had been there. Raises ActivityNotFound (also for one
    that is gone for good), NotYours, StaleVersion, DuplicateExternalId, DuplicateMessage.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        # The contacts before the activity: those who move activities after a merge lock in this order too.
        found = await repository.load_any(transaction, caller, command.activity_id, locked=False)
        if found.message_id is not None:
            await threads.lock(transaction, caller.tenant_id)
        given = contacts.list_given(found)
        held = await lock_canonical(transaction, [(caller.tenant_id, contact_id) for contact_id in given])
        activity = await repository.load_any(transaction, caller, command.activity_id, locked=True)
        await require_writable(transaction, caller, activity)
        require_version(activity.version, command.expected_version)
        if activity.deleted_at is not None and contacts.list_given(activity) != given:
            raise Unavailable("Others change the activity right now. Try again.")
        event = domain.restore(activity, {key[1]: canonical_id for key, canonical_id in held.items()}, now=clock.now())
        if event is None:
            return events.to_state(activity)
        await threads.require_one(transaction, caller, [event.activity])
        await repository.save_unique(transaction, caller, event.activity, before=activity)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.activity)
