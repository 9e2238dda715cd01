"""Looks for duplicates of contacts that changed, in one transaction a batch; knows no bus.

What an event says is only that a contact changed: what it is now stands in its row, beside the tables written here.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.duplicates import index, repository
from crm_contacts.duplicates.domain import Pair
from crm_contacts.duplicates.index import Known
from crm_contacts.duplicates.keys import EVERYBODY, keys_of, terms_of
from crm_contacts.duplicates.profiles import Profile, to_profile
from crm_contacts.duplicates.repository import Scored
from crm_contacts.duplicates.scoring import Frequencies, score
from crm_shared.database import Connection, Transaction


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
    living = [to_profile(rows[one], custom_keys) for one in news if one not in gone]
    await _remove_gone(transaction, tenant_id, gone, known, now=now)
    changed = [profile for profile in living if not _is_as_known(profile, known)]
    touched = {profile.contact_id: profile.version for profile in living if _is_as_known(profile, known)}
    await index.touch_profiles(transaction, tenant_id, touched)
    if changed:
        await index.save_profiles(transaction, tenant_id, changed, known)
        await _score_changed(transaction, tenant_id, changed, custom_keys, now=now)


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


async def _score_changed(
    transaction: Transaction,
    tenant_id: UUID,
    changed: Collection[Profile],
    custom_keys: frozenset[str],
    *,
    now: datetime,
) -> None:
    partners = await index.find_partners(
        transaction, tenant_id, {profile.contact_id: keys_of(profile) for profile in changed}
    )
    profiles = {profile.contact_id: profile for profile in changed}
    others = {partner for ids in partners.values() for partner in ids} - profiles.keys()
    rows = await index.load_rows(transaction, tenant_id, others)
    profiles |= {one: to_profile(row, custom_keys) for one, row in rows.items() if row["deleted_at"] is None}
    frequencies = await load_frequencies(transaction, tenant_id, profiles.values())
    pairs = {Pair.of(one, other) for one, ids in partners.items() for other in ids if other in profiles}
    scored = [
        found for pair in sorted(pairs, key=lambda pair: pair.ids) if (found := _score(pair, profiles, frequencies))
    ]
    changed_ids = [profile.contact_id for profile in changed]
    await repository.delete_others(transaction, tenant_id, changed_ids, [found.pair for found in scored])
    await repository.save_candidates(transaction, tenant_id, scored, changed_ids=changed_ids, now=now)


async def load_frequencies(connection: Connection, tenant_id: UUID, profiles: Collection[Profile]) -> Frequencies:
    """Give how common the values of these profiles are in the tenant."""
    terms = {EVERYBODY}.union(*(terms_of(profile) for profile in profiles))
    return Frequencies(await index.load_terms(connection, tenant_id, terms))


def _score(pair: Pair, profiles: Mapping[UUID, Profile], frequencies: Frequencies) -> Scored | None:
    ours, theirs = profiles[pair.low_id], profiles[pair.high_id]
    result = score(ours, theirs, frequencies)
    if result.band is None:
        return None
    return Scored(pair, {ours.contact_id: ours.version, theirs.contact_id: theirs.version}, result, result.band)


async def forget(transaction: Transaction, tenant_id: UUID, contact_ids: Collection[UUID]) -> None:
    """Take out for good all that is kept of contacts that are being erased, and that the caller has locked."""
    await index.lock_tenant(transaction, tenant_id)
    known = await index.load_known(transaction, tenant_id, contact_ids)
    await index.remove_profiles(transaction, tenant_id, known)
    await repository.delete_candidates(transaction, tenant_id, contact_ids)
