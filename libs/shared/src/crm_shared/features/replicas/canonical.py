"""Which contact a reference belongs to now that contacts are merged, held so until the transaction ends.

Whoever writes a reference to a contact holds the contact's replica row: an event that merges it waits for that
transaction, or the transaction sees the merge. Rows are locked in one order, as those who save replicas lock them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from crm_shared.database import Connection, Transaction
from crm_shared.refusals import UnknownReference

Contact = tuple[UUID, UUID]
"""(tenant id, contact id)."""

# Over any number of merges. UNION, not UNION ALL: should a cycle ever get in, the walk ends.
FIND_TRAILS: Final = """
    WITH RECURSIVE trail AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
        UNION
        SELECT r.tenant_id, r.merged_into
          FROM trail
          JOIN replica_records r USING (tenant_id, id)
         WHERE r.aggregate = 'contact' AND r.merged_into IS NOT NULL
    )
    SELECT r.tenant_id, r.id, r.merged_into
      FROM replica_records r
     WHERE r.aggregate = 'contact' AND (r.tenant_id, r.id) IN (SELECT tenant_id, id FROM trail)
     ORDER BY r.tenant_id, r.id
"""
LOCK_TRAILS: Final = FIND_TRAILS + " FOR SHARE OF r"

# Nearly every contact is where it was: one row by its key, without the walk. One that was merged is not locked, so that
# the walk still takes all its locks in order.
LOCK_CANONICAL: Final = """
    SELECT
      FROM replica_records r
     WHERE r.tenant_id = $1 AND r.aggregate = 'contact' AND r.id = $2 AND r.merged_into IS NULL
       FOR SHARE OF r
"""

# All who live on in the same contact as the one asked about, and that contact itself.
LOCK_MERGE_GROUP: Final = """
    WITH RECURSIVE trail AS (
        SELECT $2::uuid AS id
        UNION
        SELECT r.merged_into
          FROM trail
          JOIN replica_records r ON r.tenant_id = $1 AND r.aggregate = 'contact' AND r.id = trail.id
         WHERE r.merged_into IS NOT NULL
    ), family AS (
        SELECT id FROM trail
        UNION
        SELECT r.id
          FROM family
          JOIN replica_records r ON r.tenant_id = $1 AND r.aggregate = 'contact' AND r.merged_into = family.id
    )
    SELECT r.tenant_id, r.id, r.merged_into
      FROM replica_records r
     WHERE r.tenant_id = $1 AND r.aggregate = 'contact' AND r.id IN (SELECT id FROM family)
     ORDER BY r.tenant_id, r.id
       FOR SHARE OF r
"""

# A contact that was not heard of yet gets a row to hold on to: version 0, which any event of it replaces.
STAND_IN: Final = """
    INSERT INTO replica_records (tenant_id, aggregate, id, version, name, is_deleted)
    SELECT tenant_id, 'contact', id, 0, '', true
      FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
     ORDER BY tenant_id, id
    ON CONFLICT DO NOTHING
"""


class RefersToContact(Protocol):
    @property
    def contact_id(self) -> UUID | None: ...
    @property
    def original_contact_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class MergeGroup:
    """A living contact, and `merged_ids`, all that live on in it."""

    canonical_id: UUID
    merged_ids: tuple[UUID, ...]


async def lock_canonical(transaction: Transaction, contacts: Collection[Contact]) -> dict[Contact, UUID]:
    """Give, for each, the id of the contact that it lives on in: its own unless it was merged."""
    wanted = set(contacts)
    if not wanted:
        return {}
    if len(wanted) == 1:
        [contact] = wanted
        if await transaction.fetchrow(LOCK_CANONICAL, *contact) is not None:
            return {contact: contact[1]}
    while True:
        keys = sorted(wanted)
        rows = await transaction.fetch(LOCK_TRAILS, [key[0] for key in keys], [key[1] for key in keys])
        trails = {(row["tenant_id"], row["id"]): row["merged_into"] for row in rows}
        ends = {contact: _follow(trails, contact) for contact in wanted}
        # An end without a row is not heard of yet, or became the end while we waited for a lock.
        loose = {end for end in ends.values() if end not in trails}
        if not loose:
            return {contact: end[1] for contact, end in ends.items()}
        await _stand_in(transaction, loose)


async def find_canonical(connection: Connection, tenant_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return, for each, where it lives on at the moment; nothing is held."""
    wanted = sorted(contact_ids)
    rows = await connection.fetch(FIND_TRAILS, [tenant_id] * len(wanted), wanted) if wanted else []
    trails = {(row["tenant_id"], row["id"]): row["merged_into"] for row in rows}
    return {contact_id: _follow(trails, (tenant_id, contact_id))[1] for contact_id in wanted}


async def lock_canonical_one(transaction: Transaction, tenant_id: UUID, contact_id: UUID | None) -> UUID | None:
    """Return the same for one contact of `tenant_id`, None for None."""
    if contact_id is None:
        return None
    return (await lock_canonical(transaction, [(tenant_id, contact_id)]))[tenant_id, contact_id]


async def lock_merge_group(transaction: Transaction, tenant_id: UUID, contact_id: UUID) -> MergeGroup | None:
    """Hold all that live on where this contact does. None: it changed meanwhile, ask again in another transaction."""
    rows = await transaction.fetch(LOCK_MERGE_GROUP, tenant_id, contact_id)
    trails = {(row["tenant_id"], row["id"]): row["merged_into"] for row in rows}
    canonical = _follow(trails, (tenant_id, contact_id))
    if canonical not in trails:
        await _stand_in(transaction, {canonical})
        return None
    merged = [key[1] for key in trails if key != canonical and _follow(trails, key) == canonical]
    return MergeGroup(canonical[1], tuple(merged))


def require_canonical(contact_id: UUID | None, canonical_id: UUID | None) -> None:
    """Raise UnknownReference when the contact was merged into another."""
    if contact_id != canonical_id:
        raise UnknownReference.at("/contact_id", "was merged into another contact")


def resolve_contact_change(
    changes: Mapping[str, Any], canonical_id: UUID | None, record: RefersToContact
) -> dict[str, Any]:
    """Hold a change of `contact_id` against the merges. Raises UnknownReference for another contact that was merged.

    `canonical_id` is where the contact that `changes` names lives on. To name the one that the record was given to is
    no change, whether or not the record has followed it yet.
    """
    named = changes.get("contact_id")
    if named == canonical_id:
        return dict(changes)
    if named in {record.contact_id, record.original_contact_id}:
        return {name: value for name, value in changes.items() if name != "contact_id"}
    require_canonical(named, canonical_id)
    return dict(changes)


async def _stand_in(transaction: Transaction, contacts: Collection[Contact]) -> None:
    keys = sorted(contacts)
    await transaction.execute(STAND_IN, [key[0] for key in keys], [key[1] for key in keys])


def _follow(trails: Mapping[Contact, UUID | None], contact: Contact) -> Contact:
    """Walk to the end of a trail; one that leads in a circle ends before it repeats."""
    seen: set[Contact] = set()
    while contact not in seen:
        seen.add(contact)
        merged_into = trails.get(contact)
        if merged_into is None:
            return contact
        contact = (contact[0], merged_into)
    return contact
