"""What points to a merged contact follows it to the survivor, and goes back when the merge is undone.

By state and not by event: a record belongs where the contact lives that it was first given to. Whatever is elsewhere
is moved, so that events may come in any order and any number of times, and a killed process leaves nothing behind:
its batch comes again.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, LiteralString, Protocol, TypeVar
from uuid import UUID

from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock
from crm_shared.database import Database, Transaction
from crm_shared.features.replicas.canonical import Contact, MergeGroup, lock_merge_group
from crm_shared.record_adapters import Edit, Record, RecordAdapter

BATCH_RECORDS: Final = 500
"""In one transaction: some 100 ms, for which these records and the contacts' replica rows are locked."""
BACKPRESSURE_WITHIN_S: Final = 10.0
"""No longer does a batch of events wait for readers: the service's replica of everybody's contacts waits with it."""

# Most contacts were never merged: one statement a batch tells. A merged one has things to give; one that lives, and
# into which others were merged or which was itself merged once, may have some to get back.
FIND_AFFECTED_CONTACTS: Final = """
    SELECT w.tenant_id, w.id
      FROM unnest($1::uuid[], $2::uuid[]) AS w (tenant_id, id)
     WHERE EXISTS (SELECT FROM replica_records r
                    WHERE r.tenant_id = w.tenant_id AND r.aggregate = 'contact' AND r.id = w.id
                      AND r.merged_into IS NOT NULL)
        OR EXISTS (SELECT FROM replica_records r WHERE r.tenant_id = w.tenant_id AND r.merged_into = w.id)
        OR EXISTS ("""
ORDER_AFFECTED_CONTACTS: Final = ") ORDER BY w.tenant_id, w.id"


# $2: the family, $3 the one of it that lives, $5 the others. What was first given to one of them belongs to that one.
# By the indexes of contacts first: sorted by id with a limit, PostgreSQL would walk the tenant's whole table. Then once
# more under lock, as a record may have been moved meanwhile.
FIND_MISPLACED: Final = """
    WITH strays AS MATERIALIZED (
        (SELECT s.id FROM {table} s
          WHERE s.tenant_id = $1 AND s.original_contact_id = ANY($2) AND s.contact_id <> $3 AND {where})
        UNION ALL
        (SELECT s.id FROM {table} s
          WHERE s.tenant_id = $1 AND s.original_contact_id IS NULL AND s.contact_id = ANY($5) AND {where})
        LIMIT $4
    )
"""
LOCK_MISPLACED: Final = """
      JOIN strays USING (id)
     WHERE {alias}.tenant_id = $1 AND {alias}.contact_id <> $3
       AND ({alias}.original_contact_id = ANY($2)
            OR ({alias}.original_contact_id IS NULL AND {alias}.contact_id = ANY($2)))
     ORDER BY {alias}.id
       FOR NO KEY UPDATE OF {alias}
"""
FOLLOW: Final = """
    UPDATE {table} r
       SET contact_id = $4, original_contact_id = moved.original_id, version = r.version + 1, updated_at = $5
      FROM unnest($2::uuid[], $3::uuid[]) AS moved (id, original_id)
     WHERE r.tenant_id = $1 AND r.id = moved.id
"""


class FollowingRecord(Record, Protocol):
    """What refers to a contact: `original_contact_id` is the one first given, where that lives on in another."""

    @property
    def contact_id(self) -> UUID | None: ...
    @property
    def original_contact_id(self) -> UUID | None: ...


FollowingT = TypeVar("FollowingT", bound=FollowingRecord)


class Movers(Protocol):
    """Moves records of one kind to where they belong."""

    @property
    def find_affected_contacts(self) -> str:
        """SQL that takes contacts ($1 tenant ids, $2 ids) and gives those that may have records to move or get back."""

    async def move(self, transaction: Transaction, tenant_id: UUID, merge_group: MergeGroup, now: datetime) -> int:
        """Put up to BATCH_RECORDS of a family's records where they belong, by nobody's hand; give their number."""


@dataclass(frozen=True, slots=True)
class Followers(Generic[FollowingT]):
    """A kind of record that refers to contacts. `where` leaves out those that stay where they are."""

    adapter: RecordAdapter[FollowingT]
    where: LiteralString = "true"

    @property
    def find_affected_contacts(self) -> str:
        has_been_moved = "original_contact_id = w.id AND tenant_id = w.tenant_id AND " + self.where
        return (
            FIND_AFFECTED_CONTACTS
            + "SELECT FROM "
            + self.adapter.table
            + " WHERE "
            + has_been_moved
            + ORDER_AFFECTED_CONTACTS
        )

    async def move(self, transaction: Transaction, tenant_id: UUID, merge_group: MergeGroup, now: datetime) -> int:
        """Put up to BATCH_RECORDS of a family's records where they belong, by nobody's hand; give their number."""
        adapter, canonical_id = self.adapter, merge_group.canonical_id
        names = {"table": adapter.table, "alias": adapter.alias, "where": self.where}
        rows = await transaction.fetch(
            FIND_MISPLACED.format_map(names) + adapter.select() + LOCK_MISPLACED.format_map(names),
            tenant_id,
            [canonical_id, *merge_group.merged_ids],
            canonical_id,
            BATCH_RECORDS,
            merge_group.merged_ids,
        )
        moved = [_follow(adapter, adapter.to_record(row), canonical_id, now) for row in rows]
        if moved:
            ids = [edit.record.id for edit in moved]
            original_ids = [edit.record.original_contact_id for edit in moved]
            await transaction.execute(FOLLOW.format_map(names), tenant_id, ids, original_ids, canonical_id, now)
            await adapter.publish_edits(transaction, moved, tenant_id=tenant_id, actor_id=None)
        return len(moved)


def _follow(
    adapter: RecordAdapter[FollowingT], record: FollowingT, contact_id: UUID, now: datetime
) -> Edit[FollowingT]:
    """Return a record to the contact in which its own lives on, or back to its own."""
    first_id = record.original_contact_id or record.contact_id
    original_id = None if first_id == contact_id else first_id
    return adapter.edit(record, now=now, contact_id=contact_id, original_contact_id=original_id)


async def follow_merges(
    database: Database,
    followers: Movers,
    contacts: Collection[Contact],
    clock: Clock,
    backpressure: Backpressure | None = None,
) -> None:
    """Move what belongs elsewhere since these contacts were merged or parted, as their replica rows say by now.

    With a `backpressure` what goes beyond the first BATCH_RECORDS waits for those that read of it, for
    BACKPRESSURE_WITHIN_S in all.
    """
    keys = sorted(set(contacts))
    if not keys:
        return
    async with database.read_as_worker() as connection:
        affected_contacts = await connection.fetch(
            followers.find_affected_contacts,
            [key[0] for key in keys],
            [key[1] for key in keys],
        )
    give_up_at_s = time.monotonic() + BACKPRESSURE_WITHIN_S
    moved_since = 0
    for row in affected_contacts:
        while moved := await _move_batch(database, followers, (row["tenant_id"], row["id"]), clock):
            moved_since += moved
            if backpressure is not None and moved_since >= BATCH_RECORDS and time.monotonic() < give_up_at_s:
                await backpressure.wait()
                moved_since = 0


async def _move_batch(database: Database, followers: Movers, contact: Contact, clock: Clock) -> int:
    tenant_id, contact_id = contact
    async with database.begin_as_worker() as transaction:
        merge_group = await lock_merge_group(transaction, tenant_id, contact_id)
        if merge_group is None:
            return 1  # there may be some: look again
        return await followers.move(transaction, tenant_id, merge_group, clock.now())
