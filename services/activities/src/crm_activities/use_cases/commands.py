"""Use cases of activities: load, decide, save, publish; one transaction each."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_activities.activities import contacts, domain, events, repository
from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.activities.domain import NotYours
from crm_activities.series import commands as series
from crm_activities.series.domain import Series
from crm_activities.series.editing import Scope, gives_rule, place_edit, place_first
from crm_activities.threads import commands as threads
from crm_activities.use_cases.editing import (
    REFERENCES,
    Change,
    find_contact_of_deal,
    hold_homes,
    list_references,
    prepare_change,
)
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.features.replicas.references import References
from crm_shared.publishing import publish
from crm_shared.refusals import UnknownReference, require_version


@dataclass(frozen=True, slots=True)
class LogActivity:
    """`new` as the caller sent it: a `user_id` that is left out is the caller's."""

    caller: Caller
    new: NewActivity


@dataclass(frozen=True, slots=True)
class EditActivity:
    """`changes`: the fields that the request named, None included."""

    caller: Caller
    activity_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None
    scope: Scope = Scope.THIS


@dataclass(frozen=True, slots=True)
class DeleteActivity:
    caller: Caller
    activity_id: UUID
    expected_version: tuple[int, ...] | None
    scope: Scope = Scope.THIS


@dataclass(frozen=True, slots=True)
class CompleteActivity:
    caller: Caller
    activity_id: UUID
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class ReopenActivity:
    caller: Caller
    activity_id: UUID
    expected_version: tuple[int, ...] | None


async def log_activity(
    command: LogActivity, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[str, Any]:
    """Log one activity, give its state.

    Raises UnknownReference, InvalidField, DuplicateExternalId, DuplicateMessage, and Forbidden for a contact that is
    shared with the caller to read alone.
    """
    caller, sent = command.caller, command.new
    named = contacts.name_contacts(sent.contact_id, sent.contact_ids)
    contacts.require_few(named)
    pointers = contacts.list_pointers(sent.contact_id, sent.contact_ids)
    found = await references.require(
        caller, *list_references({name: getattr(sent, name) for name in REFERENCES}, pointers)
    )
    await references.require_writable(caller, found)
    brought = find_contact_of_deal(found)
    given = named or (() if brought is None else (brought,))
    async with unit_of_work.begin(caller) as transaction:
        if threads.concerns(sent):
            await threads.lock(transaction, caller.tenant_id)
        homes = await hold_homes(transaction, caller.tenant_id, frozenset(given))
        for contact_id in named:
            contacts.require_home(contact_id, homes, pointers)
        settled = {**contacts.place(given, homes), "user_id": sent.user_id or caller.user_id}
        decision = domain.log(new_id(), place_first(sent, new_id()), now=clock.now(), settled=settled)
        await _require_visible(transaction, caller, user_id=sent.user_id, in_reply_to=sent.in_reply_to)
        decision = await _place(transaction, caller, decision)
        await repository.insert_unique(transaction, caller, decision.activity)
        await publish(transaction, events.MAPPING.to_wire(decision.events, by=caller), audited=True)
        await series.begin(transaction, caller, decision.activity, now=decision.activity.created_at)
    return events.to_state(decision.activity)


async def edit_activity(
    command: EditActivity, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[str, Any]:
    """Change fields of one activity.

    Raises ActivityNotFound, NotYours, SystemNote, ErasedActivity, StaleVersion, UnknownReference, InvalidField,
    Forbidden, DuplicateExternalId, DuplicateMessage.
    """
    while True:
        change = await prepare_change(command.caller, command.activity_id, command.changes, references)
        edited = await _edit(command, change, unit_of_work, clock)
        if edited is not None:
            return events.to_state(edited)


async def _edit(command: EditActivity, change: Change, unit_of_work: UnitOfWork, clock: Clock) -> Activity | None:
    """Do it; None: somebody changed the activity's contacts meanwhile, so that the change is to be prepared anew."""
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        if threads.concerns(change.fields.keys()):
            await threads.lock(transaction, caller.tenant_id)
        held = await _hold_series(transaction, caller, command.activity_id, command.scope)
        # The contacts before the activity: those who move activities after a merge lock in this order too.
        homes = await hold_homes(transaction, caller.tenant_id, change.contact_ids)
        later = await series.lock_following(transaction, caller, held, command.activity_id)
        activity = await repository.load_for_update(transaction, caller, command.activity_id)
        await require_writable(transaction, caller, activity)
        await series.require_writable(transaction, caller, held, later)
        require_version(activity.version, command.expected_version)
        if not change.covers(activity):
            return None
        settled = change.resolve(activity, homes)
        # In a thread: the number of an instance may cost a quarter of a second to find.
        changes = await asyncio.to_thread(place_edit, activity, settled, command.scope, held, series_id=new_id())
        decision = domain.edit(activity, changes, now=clock.now())
        if decision.events:
            edited = decision.activity
            await _require_visible(
                transaction,
                caller,
                user_id=None if edited.user_id == activity.user_id else edited.user_id,
                in_reply_to=None if edited.in_reply_to == activity.in_reply_to else edited.in_reply_to,
            )
            await _require_no_circle(transaction, caller, before=activity, edited=edited)
            decision = await _place(transaction, caller, decision, before=activity)
            await repository.save_unique(transaction, caller, decision.activity, before=activity)
            await publish(transaction, events.MAPPING.to_wire(decision.events, by=caller), audited=True)
            is_ruled_anew = gives_rule(activity, settled, held)
            await series.take_over(
                transaction, caller, held, later, decision.activity, before=activity, is_ruled_anew=is_ruled_anew
            )
    return decision.activity


async def delete_activity(command: DeleteActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one activity, or with it all that follow in its series; give its last state.

    Raises ActivityNotFound, NotYours, SystemNote, StaleVersion.
    """
    now = clock.now()
    return await _change(command, unit_of_work, lambda activity: domain.delete(activity, now=now), command.scope)


async def complete_activity(command: CompleteActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """End one task or meeting now, give its state.

    Raises ActivityNotFound, NotYours, NothingToDo, ErasedActivity, StaleVersion.
    """
    return await _change(command, unit_of_work, lambda activity: domain.complete(activity, now=clock.now()))


async def reopen_activity(command: ReopenActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Take one task or meeting up again, give its state.

    Raises ActivityNotFound, NotYours, NothingToDo, ErasedActivity, StaleVersion.
    """
    return await _change(command, unit_of_work, lambda activity: domain.reopen(activity, now=clock.now()))


async def _change(
    command: DeleteActivity | CompleteActivity | ReopenActivity,
    unit_of_work: UnitOfWork,
    decide: Callable[[Activity], domain.Decision],
    scope: Scope = Scope.THIS,
) -> dict[str, Any]:
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        held = await _hold_series(transaction, caller, command.activity_id, scope)
        later = await series.lock_following(transaction, caller, held, command.activity_id)
        activity = await repository.load_for_update(transaction, caller, command.activity_id)
        await require_writable(transaction, caller, activity)
        await series.require_writable(transaction, caller, held, later)
        require_version(activity.version, command.expected_version)
        decision = decide(activity)
        if decision.events:
            await repository.save(transaction, caller.tenant_id, decision.activity)
            await publish(transaction, events.MAPPING.to_wire(decision.events, by=caller), audited=True)
            now = decision.activity.updated_at
            await series.end_with(transaction, caller, held, later, activity, now=now)
    return events.to_state(decision.activity)


async def _hold_series(transaction: Transaction, caller: Caller, activity_id: UUID, scope: Scope) -> Series | None:
    """Hold what follows an activity in sight; of one out of sight nothing is locked. Raises ActivityNotFound."""
    if scope is Scope.THIS:
        return None
    if not await repository.is_visible(transaction, caller, activity_id):
        raise domain.ActivityNotFound
    return await series.hold(transaction, caller, activity_id, scope)


async def _place(
    transaction: Transaction, caller: Caller, decision: domain.Decision, *, before: Activity | None = None
) -> domain.Decision:
    """Put the activity into its thread. Raises DuplicateMessage."""
    if before is None and decision.activity.type is not ActivityType.EMAIL:
        return decision
    change = threads.Change(before, decision.activity)
    [placed] = await threads.place(transaction, caller, [change], decision.activity.updated_at)
    return domain.resolve(decision, placed)


async def _require_no_circle(transaction: Transaction, caller: Caller, *, before: Activity, edited: Activity) -> None:
    if edited.in_reply_to is None or edited.in_reply_to == before.in_reply_to:
        return
    answered = await repository.list_answered(
        transaction, caller.tenant_id, edited.in_reply_to, most=domain.MOST_ANSWERED
    )
    domain.require_no_circle(edited.id, answered)


async def _require_visible(
    transaction: Transaction, caller: Caller, *, user_id: UUID | None, in_reply_to: UUID | None
) -> None:
    """Refuse what only this service knows to be out of sight. Raises UnknownReference."""
    if user_id is not None and user_id != caller.user_id:
        owners = await list_visible_owners(transaction, caller)
        if owners is not None and user_id not in owners:
            raise UnknownReference.at("/user_id", "is nobody whose records you see")
    if in_reply_to is not None and not await repository.is_visible(transaction, caller, in_reply_to):
        raise UnknownReference.at("/in_reply_to", "there is no such activity")


async def require_writable(transaction: Transaction, caller: Caller, activity: Activity) -> None:
    """Seeing an activity is not owning it. Raises NotYours."""
    owners = await list_visible_owners(transaction, caller)
    if owners is not None and activity.user_id not in owners:
        raise NotYours
