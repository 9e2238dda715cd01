"""What points to a merged contact follows it to the survivor, and goes back when the merge is undone.

By state and not by event: a record belongs where the contact lives that it was first given to. Whatever is elsewhere
is moved, so that events may come in any order and any number of times, and a killed process leaves nothing behind:
its batch comes again.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from crm_shared.clock import Clock
from crm_shared.database import Database, Transaction
from crm_shared.replicas.living import Contact, Family, hold_family

BATCH_RECORDS: Final = 500
"""In one transaction: some 100 ms, for which these records and the contacts' replica rows are locked."""

# Most contacts were never merged: one statement a batch tells. A merged one has things to give; one that lives, and
# into which others were merged or which was itself merged once, may have some to get back.
FIND_RESTLESS: Final = """
    SELECT w.tenant_id, w.id
      FROM unnest($1::uuid[], $2::uuid[]) AS w (tenant_id, id)
     WHERE EXISTS (SELECT FROM replica_records r
                    WHERE r.tenant_id = w.tenant_id AND r.aggregate = 'contact' AND r.id = w.id
                      AND r.merged_into IS NOT NULL)
        OR EXISTS (SELECT FROM replica_records r WHERE r.tenant_id = w.tenant_id AND r.merged_into = w.id)
        OR EXISTS ("""
ORDER_RESTLESS: Final = ") ORDER BY w.tenant_id, w.id"


@dataclass(frozen=True, slots=True)
class Followers:
    """One kind of record that refers to contacts.

    `has_been_moved` is SQL that gives a row if a record of `w.tenant_id` has `w.id` as its original contact. `move`
    puts up to BATCH_RECORDS records of a family's merged contacts where they belong, tells of each as an event, and
    gives their number.
    """

    has_been_moved: LiteralString
    move: Callable[[Transaction, UUID, Family, datetime], Awaitable[int]]


async def follow_merges(database: Database, followers: Followers, contacts: Collection[Contact], clock: Clock) -> None:
    """Move what belongs elsewhere since these contacts were merged or parted, as their replica rows say by now."""
    keys = sorted(set(contacts))
    if not keys:
        return
    async with database.read_as_worker() as connection:
        restless = await connection.fetch(
            FIND_RESTLESS + followers.has_been_moved + ORDER_RESTLESS,
            [key[0] for key in keys],
            [key[1] for key in keys],
        )
    for row in restless:
        while await _move_batch(database, followers, (row["tenant_id"], row["id"]), clock):
            pass


async def _move_batch(database: Database, followers: Followers, contact: Contact, clock: Clock) -> int:
    tenant_id, contact_id = contact
    async with database.begin_as_worker() as transaction:
        family = await hold_family(transaction, tenant_id, contact_id)
        if family is None:
            return 1  # there may be some: look again
        return await followers.move(transaction, tenant_id, family, clock.now())
