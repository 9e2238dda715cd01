"""Use cases of duplicates: a person decides about a pair. One transaction each."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_contacts.contacts.domain import Contact
from crm_contacts.contacts.rights import Right, require_right
from crm_contacts.duplicates import queries, repository
from crm_contacts.duplicates.domain import (
    AlreadyDecided,
    Candidate,
    CandidateNotFound,
    ContactGone,
    Status,
    choose_survivor,
)
from crm_contacts.merges.commands import Outcome, merge_in
from crm_contacts.merges.domain import Choices
from crm_contacts.merges.repository import lock_pair_for
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.refusals import InvalidField, require_version


@dataclass(frozen=True, slots=True)
class MergeCandidate:
    """`survivor_id` None: the one that is longer there. `choices` as in a contact's merge: `this` is the survivor.

    `expected_version` is the survivor's.
    """

    caller: Caller
    candidate_id: UUID
    survivor_id: UUID | None
    choices: Choices
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class DismissCandidate:
    caller: Caller
    candidate_id: UUID


async def merge_candidate(command: MergeCandidate, unit_of_work: UnitOfWork, clock: Clock) -> Outcome:
    """Merge the two contacts of a candidate.

    Raises CandidateNotFound, ContactGone, AlreadyDecided when they are merged, Forbidden, StaleVersion, InvalidField.
    A dismissed one may be merged all the same: a person changed their mind.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        candidate, contacts = await _lock(transaction, caller, command.candidate_id, Right.GOVERN)
        survivor, other = _order(contacts, command.survivor_id)
        require_version(survivor.version, command.expected_version)
        now = clock.now()
        outcome = await merge_in(
            transaction, caller.tenant_id, survivor, other, command.choices, actor_id=caller.user_id, now=now
        )
        await repository.decide(
            transaction,
            caller.tenant_id,
            candidate,
            Status.MERGED,
            versions={contact.id: contact.version for contact in (outcome.survivor, outcome.other)},
            actor_id=caller.user_id,
            now=now,
        )
    return outcome


async def dismiss_candidate(command: DismissCandidate, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Say that the two are two people; give the candidate. Again changes nothing.

    It holds until one of them changes in what matching looks at. Raises CandidateNotFound, ContactGone,
    AlreadyDecided when they are merged, Forbidden for who may not change both.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        candidate, contacts = await _lock(transaction, caller, command.candidate_id, Right.WRITE)
        if candidate.status is not Status.DISMISSED:
            await repository.decide(
                transaction,
                caller.tenant_id,
                candidate,
                Status.DISMISSED,
                versions={contact.id: contact.version for contact in contacts},
                actor_id=caller.user_id,
                now=clock.now(),
            )
        row = await queries.find_candidate(transaction, caller, command.candidate_id)
        if row is None:
            raise CandidateNotFound
        [item] = await queries.to_items(transaction, caller, [row])
    return item


async def _lock(
    transaction: Transaction, caller: Caller, candidate_id: UUID, right: Right
) -> tuple[Candidate, list[Contact]]:
    """Lock both contacts, then the candidate: whoever decides about either waits here."""
    found = await repository.find(transaction, caller.tenant_id, candidate_id)
    if found is None:
        raise CandidateNotFound
    locked = await lock_pair_for(transaction, caller, *found.pair.ids)
    held = [one.right for one in locked.values() if one.right is not None]
    if len(locked) < len(found.pair.ids) or len(held) < len(found.pair.ids):
        raise CandidateNotFound
    candidate = await repository.lock(transaction, caller.tenant_id, candidate_id)
    contacts = [one.contact for one in locked.values()]
    gone = next((contact for contact in contacts if contact.deleted_at is not None), None)
    if candidate.status is Status.MERGED:
        raise AlreadyDecided(Status.MERGED, merged_into=gone.merged_into if gone is not None else None)
    if gone is not None:
        raise ContactGone(gone.id, merged_into=gone.merged_into)
    for one in held:
        require_right(one, right)
    return candidate, contacts


def _order(contacts: list[Contact], survivor_id: UUID | None) -> tuple[Contact, Contact]:
    one, other = contacts
    if survivor_id is None:
        return choose_survivor(one, other)
    if survivor_id not in (one.id, other.id):
        raise InvalidField.at("/survivor_id", "is neither of the two contacts")
    return (one, other) if survivor_id == one.id else (other, one)
