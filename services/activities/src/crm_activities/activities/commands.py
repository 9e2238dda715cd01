"""Use cases of activities: load, decide, save, tell; one transaction each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_activities.activities import domain, events, repository
from crm_activities.activities.domain import (
    Activity,
    ActivityLogged,
    ActivityType,
    Direction,
    NewActivity,
    NotYours,
)
from crm_activities.activities.moves import Move, to_note
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.outbox import append
from crm_shared.refusals import UnknownReference, require_version
from crm_shared.replicas.living import hold_living, hold_living_one, require_living, settle_contact
from crm_shared.replicas.records import ReplicaRecord
from crm_shared.replicas.references import Reference, References

REFERENCES = {"contact_id": "contact", "deal_id": "deal", "user_id": "user"}


@dataclass(frozen=True, slots=True)
class LogActivity:
    """`user_id` and `occurred_at` may be left to their defaults: the caller, now."""

    caller: Caller
    type: ActivityType
    contact_id: UUID | None
    deal_id: UUID | None
    user_id: UUID | None
    subject: str | None
    body: str | None
    scheduled_at: datetime | None
    completed_at: datetime | None
    occurred_at: datetime | None
    direction: Direction | None
    in_reply_to: UUID | None
    duration_s: int | None
    external_id: str | None


@dataclass(frozen=True, slots=True)
class EditActivity:
    """`changes`: the fields that the request named, None included."""

    caller: Caller
    activity_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class DeleteActivity:
    caller: Caller
    activity_id: UUID
    expected_version: tuple[int, ...] | None


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

    Raises UnknownReference, InvalidField, and Forbidden for a contact that is shared with the caller to read alone.
    """
    caller = command.caller
    named = {"contact_id": command.contact_id, "deal_id": command.deal_id, "user_id": command.user_id}
    found = await references.require(caller, *_list_references(named))
    await references.require_writable(caller, found)
    new = NewActivity(
        type=command.type,
        contact_id=command.contact_id or _contact_of_deal(found),
        deal_id=command.deal_id,
        user_id=command.user_id or caller.user_id,
        subject=command.subject,
        body=command.body,
        scheduled_at=command.scheduled_at,
        completed_at=command.completed_at,
        occurred_at=command.occurred_at,
        direction=command.direction,
        in_reply_to=command.in_reply_to,
        duration_s=command.duration_s,
        external_id=command.external_id,
    )
    async with unit_of_work.begin(caller) as transaction:
        living_id = await hold_living_one(transaction, caller.tenant_id, new.contact_id)
        if command.contact_id is not None:
            require_living(command.contact_id, living_id)
        elif living_id != new.contact_id:  # the deal's, which is about to follow
            new = replace(new, contact_id=living_id, original_contact_id=new.contact_id)
        decision = domain.log(new_id(), new, now=clock.now())
        await _require_sight(transaction, caller, user_id=command.user_id, in_reply_to=command.in_reply_to)
        await repository.insert(transaction, caller.tenant_id, decision.activity)
        await _tell(transaction, caller, decision)
    return events.to_state(decision.activity)


async def edit_activity(
    command: EditActivity, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[str, Any]:
    """Change fields of one activity.

    Raises ActivityNotFound, NotYours, SystemNote, ErasedActivity, StaleVersion, UnknownReference, InvalidField,
    Forbidden.
    """
    caller = command.caller
    changes = await _add_contact_of_deal(command, references)
    async with unit_of_work.begin(caller) as transaction:
        # The contact before the activity: those who move activities after a merge lock in this order too.
        living_id = await hold_living_one(transaction, caller.tenant_id, changes.get("contact_id"))
        activity = await repository.load_for_update(transaction, caller, command.activity_id)
        await _require_writable(transaction, caller, activity)
        require_version(activity.version, command.expected_version)
        if "contact_id" in command.changes:
            changes = settle_contact(changes, living_id, activity)
        elif living_id != changes.get("contact_id"):  # the deal's, which is about to follow
            changes |= {"contact_id": living_id, "original_contact_id": changes["contact_id"]}
        decision = domain.edit(activity, changes, now=clock.now())
        if decision.events:
            edited = decision.activity
            await _require_sight(
                transaction,
                caller,
                user_id=None if edited.user_id == activity.user_id else edited.user_id,
                in_reply_to=None if edited.in_reply_to == activity.in_reply_to else edited.in_reply_to,
            )
            await repository.save(transaction, caller.tenant_id, edited)
            await _tell(transaction, caller, decision)
    return events.to_state(decision.activity)


async def delete_activity(command: DeleteActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one activity, give its last state. Raises ActivityNotFound, NotYours, SystemNote, StaleVersion."""
    return await _carry_out(command, unit_of_work, lambda activity: domain.delete(activity, now=clock.now()))


async def complete_activity(command: CompleteActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """End one task or meeting now, give its state.

    Raises ActivityNotFound, NotYours, NothingToDo, ErasedActivity, StaleVersion.
    """
    return await _carry_out(command, unit_of_work, lambda activity: domain.complete(activity, now=clock.now()))


async def reopen_activity(command: ReopenActivity, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Take one task or meeting up again, give its state.

    Raises ActivityNotFound, NotYours, NothingToDo, ErasedActivity, StaleVersion.
    """
    return await _carry_out(command, unit_of_work, lambda activity: domain.reopen(activity, now=clock.now()))


async def _carry_out(
    command: DeleteActivity | CompleteActivity | ReopenActivity,
    unit_of_work: UnitOfWork,
    decide: Callable[[Activity], domain.Decision],
) -> dict[str, Any]:
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        activity = await repository.load_for_update(transaction, caller, command.activity_id)
        await _require_writable(transaction, caller, activity)
        require_version(activity.version, command.expected_version)
        decision = decide(activity)
        if decision.events:
            await repository.save(transaction, caller.tenant_id, decision.activity)
            await _tell(transaction, caller, decision)
    return events.to_state(decision.activity)


async def log_notes(transaction: Transaction, moves: Sequence[Move], clock: Clock) -> None:
    """Log the note of each move that has none yet: three round trips, however many moves."""
    now = clock.now()
    contacts = {(move.tenant_id, move.contact_id) for move in moves if move.contact_id is not None}
    living = await hold_living(transaction, contacts)
    notes: dict[tuple[UUID, UUID], Activity] = {}
    for move in moves:
        note = to_note(move, now=now)
        if move.contact_id is not None and living[move.tenant_id, move.contact_id] != move.contact_id:
            living_id = living[move.tenant_id, move.contact_id]
            note = replace(note, contact_id=living_id, original_contact_id=move.contact_id)
        notes[move.tenant_id, note.id] = note
    inserted = await repository.insert_notes(transaction, notes)
    told: list[OutboxEvent] = []
    for (tenant_id, note_id), note in notes.items():
        if (tenant_id, note_id) in inserted:
            told += events.to_wire([ActivityLogged(note, at=now)], tenant_id=tenant_id, actor_id=None)
    await append(transaction, told)


async def _add_contact_of_deal(command: EditActivity, references: References) -> dict[str, Any]:
    """Check the references that change; a deal named alone brings its contact. Raises as edit_activity does."""
    changes = dict(command.changes)
    named = {name: changes[name] for name in REFERENCES if changes.get(name) is not None}
    if not named:
        return changes
    # Before the transaction: an owner's answer may take its time, and a lock must not wait for it.
    present = await repository.load(references.database, command.caller, command.activity_id)
    effective = {name: value for name, value in named.items() if value != getattr(present, name)}
    found = await references.require(command.caller, *_list_references(effective))
    await references.require_writable(command.caller, found)
    contact_id = _contact_of_deal(found)
    if contact_id is not None:
        changes.setdefault("contact_id", contact_id)
    return changes


def _list_references(named: Mapping[str, UUID | None]) -> list[Reference]:
    return [Reference(f"/{name}", REFERENCES[name], value) for name, value in named.items() if value is not None]


def _contact_of_deal(found: Mapping[str, ReplicaRecord]) -> UUID | None:
    deal = found.get("/deal_id")
    return None if deal is None else deal.contact_id


async def _require_sight(
    transaction: Transaction, caller: Caller, *, user_id: UUID | None, in_reply_to: UUID | None
) -> None:
    """Refuse what only this service knows to be out of sight. Raises UnknownReference."""
    if user_id is not None and user_id != caller.user_id:
        owners = await list_visible_owners(transaction, caller)
        if owners is not None and user_id not in owners:
            raise UnknownReference.at("/user_id", "is nobody whose records you see")
    if in_reply_to is not None and not await repository.is_visible(transaction, caller, in_reply_to):
        raise UnknownReference.at("/in_reply_to", "there is no such activity")


async def _require_writable(transaction: Transaction, caller: Caller, activity: Activity) -> None:
    """Seeing an activity is not owning it. Raises NotYours."""
    owners = await list_visible_owners(transaction, caller)
    if owners is not None and activity.user_id not in owners:
        raise NotYours


async def _tell(transaction: Transaction, caller: Caller, decision: domain.Decision) -> None:
    await append(transaction, events.to_wire(decision.events, tenant_id=caller.tenant_id, actor_id=caller.user_id))
