"""SQL of what contacts are found by: profiles, keys, and how many contacts have a value. The worker's role runs it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_contacts.duplicates.keys import MAX_HOLDERS, keys_of, terms_of
from crm_contacts.duplicates.profiles import AT_ONCE, Profile
from crm_shared.database import Connection, Transaction
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.custom_fields import EntityType, read_definitions
from crm_shared.features.custom_fields.columns import CONTACT_CUSTOM_DATA

ROWS_AT_ONCE: Final = 500
"""Reading more rows of one answer would hold the event loop."""
MAX_PARTNERS: Final = 30
"""Contacts that one is compared with at most: those that share the most keys with it."""

# One at a time for a tenant: of two new contacts in two batches each would miss the other's keys. A statement of its
# own, so that the next one sees what the wait was for.
LOCK_TENANT = "SELECT pg_advisory_xact_lock(hashtextextended('duplicates ' || $1::uuid, 0))"

LOAD_KNOWN = """
    SELECT contact_id, version, fingerprint, keys, terms
      FROM matching_profiles
     WHERE tenant_id = $1 AND contact_id = ANY($2)
"""

MATCHED_COLUMNS = """
           c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title,
           c.deleted_at, c.merged_into, o.name AS company_name, o.domain AS company_domain,
"""

LOAD_ROWS = (
    "SELECT"
    + MATCHED_COLUMNS
    + CONTACT_CUSTOM_DATA
    + """
      FROM contacts c
      LEFT JOIN companies o ON o.tenant_id = c.tenant_id AND o.id = c.company_id
     WHERE c.tenant_id = $1 AND c.id = ANY($2)
"""
)

SAVE_PROFILES = """
    INSERT INTO matching_profiles AS p (tenant_id, contact_id, version, fingerprint, keys, terms)
    SELECT $1, contact_id, version, fingerprint, string_to_array(keys, ',')::bigint[],
           string_to_array(terms, ',')::bigint[]
      FROM unnest($2::uuid[], $3::bigint[], $4::bytea[], $5::text[], $6::text[])
           AS given (contact_id, version, fingerprint, keys, terms)
    ON CONFLICT (tenant_id, contact_id) DO UPDATE
       SET version = excluded.version, fingerprint = excluded.fingerprint, keys = excluded.keys,
           terms = excluded.terms
"""

TOUCH_PROFILES = """
    UPDATE matching_profiles p
       SET version = given.version
      FROM unnest($2::uuid[], $3::bigint[]) AS given (contact_id, version)
     WHERE p.tenant_id = $1 AND p.contact_id = given.contact_id
"""

DELETE_PROFILES = "DELETE FROM matching_profiles WHERE tenant_id = $1 AND contact_id = ANY($2)"

ADD_KEYS = """
    INSERT INTO matching_keys (tenant_id, key, contact_id)
    SELECT $1, key, contact_id FROM unnest($2::bigint[], $3::uuid[]) AS given (key, contact_id)
    ON CONFLICT DO NOTHING
"""

REMOVE_KEYS = """
    DELETE FROM matching_keys k
     USING unnest($2::bigint[], $3::uuid[]) AS given (key, contact_id)
     WHERE k.tenant_id = $1 AND k.key = given.key AND k.contact_id = given.contact_id
"""

COUNT_TERMS = """
    INSERT INTO matching_terms AS t (tenant_id, term, contacts)
    SELECT $1, term, change FROM unnest($2::bigint[], $3::bigint[]) AS given (term, change)
    ON CONFLICT (tenant_id, term) DO UPDATE SET contacts = t.contacts + excluded.contacts
"""

DELETE_UNUSED_TERMS = "DELETE FROM matching_terms WHERE tenant_id = $1 AND term = ANY($2) AND contacts <= 0"

LOAD_TERMS = "SELECT term, contacts FROM matching_terms WHERE tenant_id = $1 AND term = ANY($2)"

# No more than one beyond the cap is read of any key, so that a common one costs no more than a rare one.
FIND_PARTNERS = """
    SELECT wanted.contact_id AS seeker_id, partner.id AS partner_id, count(*) AS shared
      FROM unnest($2::uuid[], $3::bigint[]) AS wanted (contact_id, key)
     CROSS JOIN LATERAL (
           SELECT array_agg(few.contact_id) AS ids
             FROM (SELECT k.contact_id FROM matching_keys k
                    WHERE k.tenant_id = $1 AND k.key = wanted.key
                    LIMIT $4 + 1) AS few) AS holders
     CROSS JOIN LATERAL unnest(holders.ids) AS partner (id)
     WHERE cardinality(holders.ids) <= $4 AND partner.id <> wanted.contact_id
     GROUP BY wanted.contact_id, partner.id
     ORDER BY wanted.contact_id, shared DESC, partner.id
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What was last kept of a contact."""

    version: int
    fingerprint: bytes
    keys: frozenset[int]
    terms: frozenset[int]


async def lock_tenant(transaction: Transaction, tenant_id: UUID) -> None:
    """Wait until nobody else looks for duplicates in the tenant, and let nobody until this transaction ends."""
    await transaction.execute(LOCK_TENANT, tenant_id)


async def load_known(connection: Connection, tenant_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, Known]:
    rows = await connection.fetch(LOAD_KNOWN, tenant_id, list(contact_ids))
    return {
        row["contact_id"]: Known(row["version"], row["fingerprint"], frozenset(row["keys"]), frozenset(row["terms"]))
        for row in rows
    }


async def load_rows(
    connection: Connection, tenant_id: UUID, contact_ids: Collection[UUID]
) -> dict[UUID, Mapping[str, Any]]:
    """Return these contacts as they are now, deleted ones too, each with its company's name and domain."""
    ids = sorted(contact_ids)
    found: dict[UUID, Mapping[str, Any]] = {}
    for start in range(0, len(ids), ROWS_AT_ONCE):
        rows = await connection.fetch(LOAD_ROWS, tenant_id, ids[start : start + ROWS_AT_ONCE])
        found |= {row["id"]: row for row in rows}
    return found


async def load_custom_keys(connection: Connection, tenant_id: UUID) -> frozenset[str]:
    """Return the keys of the contacts' custom fields that the tenant uses for matching."""
    definitions = await read_definitions(connection, tenant_id, EntityType.CONTACT)
    return frozenset(key for key, field in definitions.fields.items() if field.used_for_matching)


async def save_profiles(
    transaction: Transaction, tenant_id: UUID, profiles: Sequence[Profile], known: Mapping[UUID, Known]
) -> None:
    """Keep new or changed profiles with their keys and terms. `known` are the ones they replace."""
    kept = {
        profile.contact_id: Known(profile.version, profile.fingerprint, keys_of(profile), terms_of(profile))
        async for profile in in_turns(profiles, at_once=AT_ONCE)
    }
    before = {contact_id: known[contact_id] for contact_id in kept.keys() & known.keys()}
    await transaction.execute(
        SAVE_PROFILES,
        tenant_id,
        list(kept),
        [one.version for one in kept.values()],
        [one.fingerprint for one in kept.values()],
        [_join(one.keys) for one in kept.values()],
        [_join(one.terms) for one in kept.values()],
    )
    await _replace_keys(transaction, tenant_id, before, kept)
    await _count_terms(transaction, tenant_id, before.values(), kept.values())


async def touch_profiles(transaction: Transaction, tenant_id: UUID, versions: Mapping[UUID, int]) -> None:
    """Note newer versions of contacts in which nothing changed that matching looks at."""
    if versions:
        await transaction.execute(TOUCH_PROFILES, tenant_id, list(versions), list(versions.values()))


async def remove_profiles(transaction: Transaction, tenant_id: UUID, known: Mapping[UUID, Known]) -> None:
    """Drop all that was kept of these contacts."""
    if known:
        await transaction.execute(DELETE_PROFILES, tenant_id, list(known))
        await _replace_keys(transaction, tenant_id, known, {})
        await _count_terms(transaction, tenant_id, known.values(), ())


async def load_terms(connection: Connection, tenant_id: UUID, terms: Iterable[int]) -> dict[int, int]:
    """Return how many contacts have each value; one that nobody has is left out."""
    rows = await connection.fetch(LOAD_TERMS, tenant_id, sorted(terms))
    return {row["term"]: row["contacts"] for row in rows}


async def find_partners(
    connection: Connection, tenant_id: UUID, keys: Mapping[UUID, Iterable[int]]
) -> dict[UUID, list[UUID]]:
    """Return whom each contact shares a key with, by contact and its keys: those with the most first, few at most."""
    wanted = [(contact_id, key) for contact_id, its_keys in keys.items() for key in its_keys]
    rows = await connection.fetch(
        FIND_PARTNERS, tenant_id, [contact_id for contact_id, _ in wanted], [key for _, key in wanted], MAX_HOLDERS
    )
    found: dict[UUID, list[UUID]] = {}
    for row in rows:
        partners = found.setdefault(row["seeker_id"], [])
        if len(partners) < MAX_PARTNERS:
            partners.append(row["partner_id"])
    return found


def _join(numbers: Iterable[int]) -> str:
    """Write an array as text: rows of arrays of unequal length go over in one parameter no other way."""
    return ",".join(str(number) for number in sorted(numbers))


async def _replace_keys(
    transaction: Transaction, tenant_id: UUID, before: Mapping[UUID, Known], after: Mapping[UUID, Known]
) -> None:
    old = {(key, contact_id) for contact_id, one in before.items() for key in one.keys}
    new = {(key, contact_id) for contact_id, one in after.items() for key in one.keys}
    for statement, changed in ((REMOVE_KEYS, old - new), (ADD_KEYS, new - old)):
        if changed:
            ordered = sorted(changed)
            await transaction.execute(
                statement, tenant_id, [key for key, _ in ordered], [holder for _, holder in ordered]
            )


async def _count_terms(
    transaction: Transaction, tenant_id: UUID, before: Iterable[Known], after: Iterable[Known]
) -> None:
    changes = Counter(term for one in after for term in one.terms)
    changes.subtract(term for one in before for term in one.terms)
    changed = sorted(term for term, change in changes.items() if change)
    if not changed:
        return
    await transaction.execute(COUNT_TERMS, tenant_id, changed, [changes[term] for term in changed])
    fewer = [term for term in changed if changes[term] < 0]
    if fewer:
        await transaction.execute(DELETE_UNUSED_TERMS, tenant_id, fewer)
