"""Merges what the system is sure of, each pair in a transaction of its own: the one place that calls the merge."""

from typing import Any
from uuid import UUID

import structlog

from crm_contacts.contacts.domain import Contact
from crm_contacts.duplicates import index, repository
from crm_contacts.duplicates.candidate_search import load_frequencies
from crm_contacts.duplicates.domain import Band, Candidate, CandidateNotFound, Status, choose_survivor
from crm_contacts.duplicates.learning import load_lessons
from crm_contacts.duplicates.merge_permission import hold_directory, may_merge
from crm_contacts.duplicates.profiles import to_profile
from crm_contacts.duplicates.scoring import score
from crm_contacts.merges.commands import merge_in
from crm_contacts.merges.repository import lock_pair
from crm_shared.clock import Clock
from crm_shared.database import Database, Transaction
from crm_shared.refusals import Refusal

logger = structlog.get_logger(__name__)


async def merge_sure(database: Database, contacts: set[tuple[UUID, UUID]], clock: Clock) -> None:
    """Merge the open AUTO candidates of contacts by (tenant id, id), surest first, where it is the system's to do.

    Looks at each pair again under lock: what was sure, or allowed, when it was found need not be now.
    """
    async with database.read_as_worker() as connection:
        sure = await repository.list_sure(connection, sorted(contacts))
    for tenant_id, candidate_id in sure:
        try:
            async with database.begin_as_worker() as transaction:
                await _merge(transaction, tenant_id, candidate_id, clock)
        except CandidateNotFound:
            continue  # one of the two went meanwhile, and the candidate with it
        except Refusal as refusal:  # stays open, for a person to decide
            logger.warning("auto_merge_refused", candidate_id=str(candidate_id), slug=refusal.slug)


async def _merge(transaction: Transaction, tenant_id: UUID, candidate_id: UUID, clock: Clock) -> None:
    found = await repository.find(transaction, tenant_id, candidate_id)
    if found is None:
        raise CandidateNotFound
    if not await hold_directory(transaction, tenant_id):
        return
    contacts = await lock_pair(transaction, tenant_id, *found.pair.ids)  # before the candidate: as all do who lock both
    candidate = await repository.lock(transaction, tenant_id, candidate_id)
    if candidate.status is not Status.OPEN or not _are_present(candidate, contacts):
        return
    survivor, other = choose_survivor(*contacts.values())
    if not await may_merge(transaction, tenant_id, survivor, other) or not await _is_sure(
        transaction, tenant_id, candidate
    ):
        return
    now = clock.now()
    outcome = await merge_in(transaction, tenant_id, survivor, other, {}, actor_id=None, now=now)
    versions = {contact.id: contact.version for contact in (outcome.survivor, outcome.other)}
    await repository.decide(transaction, tenant_id, candidate, Status.MERGED, versions=versions, actor_id=None, now=now)


def _are_present(candidate: Candidate, contacts: dict[UUID, Contact]) -> bool:
    return contacts.keys() == set(candidate.pair.ids) and all(one.deleted_at is None for one in contacts.values())


async def _is_sure(transaction: Transaction, tenant_id: UUID, candidate: Candidate) -> bool:
    rows: dict[UUID, Any] = dict(await index.load_rows(transaction, tenant_id, candidate.pair.ids))
    custom_keys = await index.load_custom_keys(transaction, tenant_id)
    ours, theirs = (to_profile(row, custom_keys) for row in rows.values())
    frequencies = await load_frequencies(transaction, tenant_id, [ours, theirs])
    lessons = await load_lessons(transaction, tenant_id)
    return score(ours, theirs, frequencies, lessons).band is Band.AUTO
