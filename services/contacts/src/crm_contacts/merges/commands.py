"""Use cases of merges: lock the pair, decide, save, publish; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.contacts import events
from crm_contacts.contacts import repository as contacts
from crm_contacts.contacts.canonical import explain_absence, find_survivor
from crm_contacts.contacts.domain import Contact
from crm_contacts.contacts.rights import Right, require_right
from crm_contacts.contacts.unique_owners import find_conflict
from crm_contacts.merges import domain, repository
from crm_contacts.merges.domain import (
    CUSTOM_PREFIX,
    AlreadyMerged,
    AlreadyUndone,
    Choices,
    LaterMerge,
    Merge,
    MergeErased,
    MergeNotFound,
    Merging,
)
from crm_contacts.merges.repository import LockedContact
from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import Actor
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.database.unique_values import try_update, write_unique
from crm_shared.features.custom_fields import EntityType, UnknownCustomField, load_definitions
from crm_shared.publishing import publish
from crm_shared.refusals import FieldProblem, InvalidField, UnknownReference, escape, require_version


@dataclass(frozen=True, slots=True)
class MergeContacts:
    """Unite `contact_id`, which survives, with `other_id`. `dry_run` only shows what would come of it."""

    caller: Caller
    contact_id: UUID
    other_id: UUID
    choices: Choices
    dry_run: bool
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class UndoMerge:
    """`expected_version` is the survivor's."""

    caller: Caller
    merge_id: UUID
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both contacts as they are after a merge or its undoing. `merge_id` is None after a dry run.

    `sees_other` is False where the undoing gave the other back to somebody whose records the caller doesn't see.
    """

    merge_id: UUID | None
    survivor: Contact
    other: Contact
    sees_other: bool = True


async def merge_contacts(command: MergeContacts, unit_of_work: UnitOfWork, clock: Clock) -> Outcome:
    """Merge two contacts.

    Raises ContactNotFound, UnknownReference for the other, AlreadyMerged, Forbidden, StaleVersion, InvalidField,
    UnknownCustomField.
    """
    caller = command.caller
    if command.contact_id == command.other_id:
        raise InvalidField.at("/other_id", "is the contact itself")
    async with unit_of_work.begin(caller) as transaction:
        survivor, other = await _lock_present(transaction, command)
        now = clock.now()
        if command.dry_run:
            merging = await _decide(
                transaction, caller.tenant_id, survivor, other, command.choices, actor_id=caller.user_id, now=now
            )
            return Outcome(None, merging.survivor.contact, merging.other.contact)
        return await merge_in(
            transaction, caller.tenant_id, survivor, other, command.choices, actor_id=caller.user_id, now=now
        )


async def merge_in(
    transaction: Transaction,
    tenant_id: UUID,
    survivor: Contact,
    other: Contact,
    choices: Choices,
    *,
    actor_id: UUID | None,
    now: datetime,
) -> Outcome:
    """Merge two living contacts that the transaction has locked by `repository.lock_pair`.

    Raises InvalidField, UnknownCustomField.
    `actor_id` None: nobody but the system decided it, and so nobody is given a share.
    """
    merging = await _decide(transaction, tenant_id, survivor, other, choices, actor_id=actor_id, now=now)
    # Hidden first: the survivor may then take the other's e-mail address, which one living contact has at most.
    await contacts.save(transaction, tenant_id, merging.other.contact)
    await contacts.save(transaction, tenant_id, merging.survivor.contact)
    merge = Merge(
        id=new_id(),
        survivor_id=survivor.id,
        other_id=other.id,
        survivor_version=merging.survivor.contact.version,
        other_version=merging.other.contact.version,
        choices=choices,
        changed=merging.changed,
        merged_at=now,
        merged_by=actor_id,
    )
    await repository.insert(transaction, tenant_id, merge)
    wire = events.MAPPING.to_wire([merging.other, merging.survivor], by=Actor(tenant_id, actor_id))
    await publish(transaction, wire, audited=True)
    return Outcome(merge.id, merging.survivor.contact, merging.other.contact)


async def undo_merge(command: UndoMerge, unit_of_work: UnitOfWork, clock: Clock) -> Outcome:
    """Return both contacts back with what each had; what was edited since stays with the survivor.

    A person's merge takes who governs both; what the system merged, whoever governs the survivor may take apart.
    Raises MergeNotFound, Forbidden, StaleVersion, AlreadyUndone, LaterMerge, MergeErased, NamelessSurvivor,
    DuplicateEmail or DuplicateExternalId when a third contact has what one of the two is to have again.
    """
    caller, tenant_id = command.caller, command.caller.tenant_id
    async with unit_of_work.begin(caller) as transaction:
        merge = await repository.load(transaction, tenant_id, command.merge_id)
        survivor, other, sees_other = await _lock_merged(transaction, caller, merge)
        # Again, now that nobody else can undo it or merge one of the two.
        merge = await repository.load(transaction, tenant_id, command.merge_id)
        changed = await _require_undoable(transaction, tenant_id, merge)
        require_version(survivor.version, command.expected_version)
        now = clock.now()
        unmerging = domain.undo(survivor, other, await _keep_known(transaction, tenant_id, changed), now=now)
        # The survivor first: it may have the other's e-mail address to give back.
        await _save(transaction, caller, unmerging.survivor.contact)
        await _save(transaction, caller, unmerging.other.contact)
        await repository.mark_undone(transaction, tenant_id, replace(merge, undone_at=now, undone_by=caller.user_id))
        wire = events.MAPPING.to_wire([unmerging.survivor, unmerging.other], by=caller)
        await publish(transaction, wire, audited=True)
    return Outcome(merge.id, unmerging.survivor.contact, unmerging.other.contact, sees_other=sees_other)


async def _decide(
    transaction: Transaction,
    tenant_id: UUID,
    survivor: Contact,
    other: Contact,
    choices: Choices,
    *,
    actor_id: UUID | None,
    now: datetime,
) -> Merging:
    await _require_custom_fields(transaction, tenant_id, choices, {**survivor.custom_data, **other.custom_data})
    owner_ids, active = {survivor.owner_id, other.owner_id}, frozenset[UUID]()
    if len(owner_ids) > 1 and actor_id is not None:
        active = await repository.list_active(transaction, tenant_id, owner_ids)
    return domain.merge(survivor, other, choices, active_owner_ids=active, now=now)


async def _require_custom_fields(
    transaction: Transaction, tenant_id: UUID, choices: Choices, held: Mapping[str, Any]
) -> None:
    """Raise UnknownCustomField for each custom field that is chosen but neither held by one of the two nor defined."""
    chosen = {name.removeprefix(CUSTOM_PREFIX) for name in choices if name.startswith(CUSTOM_PREFIX)}
    if chosen <= held.keys():
        return
    definitions = await load_definitions(transaction, tenant_id, EntityType.CONTACT)
    unknown = sorted(chosen - held.keys() - definitions.fields.keys())
    if unknown:
        errors = [FieldProblem(f"/choices/{escape(CUSTOM_PREFIX + key)}", "is not a custom field") for key in unknown]
        raise UnknownCustomField("; ".join(f"{error.pointer}: {error.detail}" for error in errors), errors=errors)


async def _lock_present(transaction: Transaction, command: MergeContacts) -> tuple[Contact, Contact]:
    """Lock both, the survivor first in the answer."""
    caller = command.caller
    locked = await repository.lock_pair_for(transaction, caller, command.contact_id, command.other_id)
    survivor, other = locked.get(command.contact_id), locked.get(command.other_id)
    if survivor is None or not survivor.is_present or survivor.right is None:
        raise await explain_absence(transaction, caller, command.contact_id)
    if other is None or not other.is_present or other.right is None:
        raise await _explain_other(transaction, command)
    require_right(survivor.right, Right.GOVERN)
    require_right(other.right, Right.GOVERN)
    require_version(survivor.contact.version, command.expected_version)
    return survivor.contact, other.contact


async def _explain_other(transaction: Transaction, command: MergeContacts) -> AlreadyMerged | UnknownReference:
    merged_into = await find_survivor(transaction, command.caller, command.other_id)
    if merged_into == command.contact_id:
        return AlreadyMerged(command.contact_id)
    detail = "there is no such contact"
    return UnknownReference(
        f"/other_id: {detail}",
        errors=[FieldProblem("/other_id", detail)],
        extensions=None if merged_into is None else {"merged_into": merged_into},
    )


async def _lock_merged(transaction: Transaction, caller: Caller, merge: Merge) -> tuple[Contact, Contact, bool]:
    """Lock both, living or not: a survivor that was deleted since gives the other back all the same.

    Tell beside them whether the caller will see the other.
    """
    locked = await repository.lock_pair_for(transaction, caller, merge.survivor_id, merge.other_id)
    survivor, other = locked.get(merge.survivor_id), locked.get(merge.other_id)
    if survivor is None or other is None or not (_is_seen(survivor) or _is_seen(other)):
        raise MergeNotFound
    for one in (survivor,) if merge.merged_by is None else (survivor, other):
        require_right(one.right or Right.READ, Right.GOVERN)
    return survivor.contact, other.contact, _is_seen(other)


def _is_seen(locked: LockedContact) -> bool:
    return locked.right is not None


async def _require_undoable(transaction: Transaction, tenant_id: UUID, merge: Merge) -> domain.Changed:
    """Return what there is to take back."""
    if merge.undone_at is not None:
        raise AlreadyUndone
    later_id = await repository.find_later(transaction, tenant_id, merge)
    if later_id is not None:
        raise LaterMerge(later_id)
    if merge.changed is None:
        raise MergeErased
    return merge.changed


async def _keep_known(transaction: Transaction, tenant_id: UUID, changed: domain.Changed) -> domain.Changed:
    """Leave out values of custom fields that were deleted since."""
    if "custom_data" not in changed:
        return changed
    definitions = await load_definitions(transaction, tenant_id, EntityType.CONTACT)
    known = {side: definitions.keep_known(values) for side, values in changed["custom_data"].items()}
    return {**changed, "custom_data": known}


async def _save(transaction: Transaction, caller: Caller, contact: Contact) -> None:
    """Write the contact. Raises the conflict when somebody else has a value of it by now."""
    await write_unique(
        lambda: try_update(transaction, lambda: contacts.save(transaction, caller.tenant_id, contact)),
        lambda: find_conflict(transaction, caller, contact),
    )
