"""Looks for duplicates of contacts that changed, in one transaction a batch; knows no bus.

What an event says is only that a contact changed: what it is now stands in its row, beside the tables written here.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.duplicates import index, repository
from crm_contacts.duplicates.domain import Pair
from crm_contacts.duplicates.index import Known
from crm_contacts.duplicates.keys import EVERYBODY, keys_of, terms_of
from crm_contacts.duplicates.learning import load_lessons
from crm_contacts.duplicates.lessons import Lessons
from crm_contacts.duplicates.profiles import AT_ONCE, Profile, to_profile
from crm_contacts.duplicates.repository import Scored
from crm_contacts.duplicates.scoring import Frequencies, score
from crm_shared.database import Connection, Transaction
from crm_shared.event_loop_turns import in_turns


async def find_duplicates(
    transaction: Transaction, tenant_id: UUID, versions: Mapping[UUID, int], *, now: datetime
) -> None:
    """Bring keys and candidates up to date for contacts told of, by id with the newest version told.

    A version that was seen before changes nothing.
    """
    await index.lock_tenant(transaction, tenant_id)
    known = await index.load_known(transaction, tenant_id, versions)
    news = [one for one, version in versions.items() if one not in known or known[one].version < version]
    if not news:
        return
    rows = await index.load_rows(transaction, tenant_id, news)
    custom_keys = await index.load_custom_keys(transaction, tenant_id)
    gone = {one: _survivor_of(rows.get(one)) for one in news if one not in rows or rows[one]["deleted_at"] is not None}
    present = list((await _read_profiles({one: rows[one] for one in news if one not in gone}, custom_keys)).values())
    await _remove_gone(transaction, tenant_id, gone, known, now=now)
    changed = [profile for profile in present if not _is_as_known(profile, known)]
    touched = {profile.contact_id: profile.version for profile in present if _is_as_known(profile, known)}
    await index.touch_profiles(transaction, tenant_id, touched)
    if changed:
        await index.save_profiles(transaction, tenant_id, changed, known)
        profiles = {profile.contact_id: profile for profile in changed}
        await _score_contacts(transaction, tenant_id, profiles, custom_keys, now=now, have_changed=True)


def _survivor_of(row: Mapping[str, Any] | None) -> UUID | None:
    return None if row is None else row["merged_into"]


def _is_as_known(profile: Profile, known: Mapping[UUID, Known]) -> bool:
    before = known.get(profile.contact_id)
    return before is not None and before.fingerprint == profile.fingerprint


async def _remove_gone(
    transaction: Transaction,
    tenant_id: UUID,
    gone: Mapping[UUID, UUID | None],
    known: Mapping[UUID, Known],
    *,
    now: datetime,
) -> None:
    if gone:
        await index.remove_profiles(transaction, tenant_id, {one: known[one] for one in gone if one in known})
        await repository.remove_gone(transaction, tenant_id, gone, now=now)


async def review_contacts(
    transaction: Transaction, tenant_id: UUID, contact_ids: Collection[UUID], *, now: datetime
) -> None:
    """Score contacts again that did not change, with the keys, figures and lessons of now. The caller locks the tenant.

    What a person decided stays as it was. Contacts that changed or were deleted meanwhile are left to
    their event.
    """
    known = await index.load_known(transaction, tenant_id, contact_ids)
    rows = await index.load_rows(transaction, tenant_id, contact_ids)
    custom_keys = await index.load_custom_keys(transaction, tenant_id)
    present = {one: row for one, row in rows.items() if row["deleted_at"] is None}
    read = await _read_profiles(present, custom_keys)
    # Fields may have come to be used for matching, which no event of a contact tells of; a newer contact's event does.
    profiles = {one: profile for one, profile in read.items()
                if profile.version == known[one].version or _is_as_known(profile, known)}  # fmt: skip
    stale = [one for one in profiles.values() if keys_of(one) != known[one.contact_id].keys
             or terms_of(one) != known[one.contact_id].terms]  # fmt: skip
    if stale:
        await index.save_profiles(transaction, tenant_id, stale, known)
    if profiles:
        await _score_contacts(transaction, tenant_id, profiles, custom_keys, now=now, have_changed=False)


async def _score_contacts(
    transaction: Transaction,
    tenant_id: UUID,
    profiles: dict[UUID, Profile],
    custom_keys: frozenset[str],
    *,
    now: datetime,
    have_changed: bool,
) -> None:
    contact_ids = list(profiles)
    keys = {one: keys_of(profiles[one]) async for one in in_turns(contact_ids, at_once=AT_ONCE)}
    partners = await index.find_partners(transaction, tenant_id, keys)
    others = {partner for ids in partners.values() for partner in ids} - profiles.keys()
    rows = await index.load_rows(transaction, tenant_id, others)
    present = {one: row for one, row in rows.items() if row["deleted_at"] is None}
    profiles = profiles | await _read_profiles(present, custom_keys)
    frequencies = await load_frequencies(transaction, tenant_id, profiles.values())
    lessons = await load_lessons(transaction, tenant_id)
    pairs = {Pair.of(one, other) for one, ids in partners.items() for other in ids if other in profiles}
    scored = await _score_pairs(sorted(pairs, key=lambda pair: pair.ids), profiles, frequencies, lessons)
    kept = [found.pair for found in scored]
    await repository.delete_others(transaction, tenant_id, contact_ids, kept, spare_decided=not have_changed)
    changed_ids = contact_ids if have_changed else []
    await repository.save_candidates(transaction, tenant_id, scored, changed_ids=changed_ids, now=now)


async def _read_profiles(rows: Mapping[UUID, Mapping[str, Any]], custom_keys: frozenset[str]) -> dict[UUID, Profile]:
    return {
        contact_id: to_profile(row, custom_keys) async for contact_id, row in in_turns(rows.items(), at_once=AT_ONCE)
    }


async def _score_pairs(
    pairs: Iterable[Pair], profiles: Mapping[UUID, Profile], frequencies: Frequencies, lessons: Lessons
) -> list[Scored]:
    found = [_score(pair, profiles, frequencies, lessons) async for pair in in_turns(pairs, at_once=AT_ONCE)]
    return [one for one in found if one is not None]


async def load_frequencies(connection: Connection, tenant_id: UUID, profiles: Collection[Profile]) -> Frequencies:
    """Return how common the values of these profiles are in the tenant."""
    terms = {EVERYBODY}
    async for profile in in_turns(profiles, at_once=AT_ONCE):
        terms |= terms_of(profile)
    return Frequencies(await index.load_terms(connection, tenant_id, terms))


def _score(pair: Pair, profiles: Mapping[UUID, Profile], frequencies: Frequencies, lessons: Lessons) -> Scored | None:
    ours, theirs = profiles[pair.low_id], profiles[pair.high_id]
    result = score(ours, theirs, frequencies, lessons)
    if result.band is None:
        return None
    return Scored(pair, {ours.contact_id: ours.version, theirs.contact_id: theirs.version}, result, result.band)


async def forget(transaction: Transaction, tenant_id: UUID, contact_ids: Collection[UUID]) -> None:
    """Take out for good all that is kept of contacts that are being erased, and that the caller has locked."""
    await index.lock_tenant(transaction, tenant_id)
    known = await index.load_known(transaction, tenant_id, contact_ids)
    await index.remove_profiles(transaction, tenant_id, known)
    await repository.delete_candidates(transaction, tenant_id, contact_ids)
