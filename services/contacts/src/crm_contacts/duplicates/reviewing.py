"""What the worker does for duplicates beside its consumer: learns of tenants, and looks at their contacts again.

A contact is scored when it changes, with what was known then. When enough was learnt since, or a release knows more
keys, the tenant's contacts are gone through once, a few in a transaction.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

from prometheus_client import Counter

from crm_contacts.duplicates import index, learning
from crm_contacts.duplicates.candidate_search import review_contacts
from crm_contacts.duplicates.keys import EVERYBODY
from crm_contacts.duplicates.merging import merge_sure
from crm_shared.background import background, repeat
from crm_shared.clock import Clock
from crm_shared.database import Database, Transaction

if TYPE_CHECKING:
    from crm_shared.backpressure import Backpressure

CONTACTS_AT_ONCE: Final = 50
"""The tenant's lock is held for as long as these take: news of its contacts waits for so long."""
REVIEWED: Final = Counter(
    "crm_duplicate_reviews_contacts", "Contacts that were scored again without having changed, by what was learnt"
)


async def review_round(database: Database, clock: Clock, backpressure: "Backpressure | None" = None) -> bool:
    """Learn of every tenant that is due, and go on with the contacts of those to be reviewed, some of each.

    True when there are more.
    """
    async with database.read_as_worker() as connection:
        due = await learning.list_due(connection)
    for tenant_id in due:
        async with database.begin_as_worker() as transaction:
            await index.lock_tenant(transaction, tenant_id)
            await _learn(transaction, tenant_id, passes=0)
    async with database.read_as_worker() as connection:
        waiting = await learning.list_to_review(connection)
    for tenant_id in waiting:
        if backpressure is not None:
            await backpressure.wait()
        REVIEWED.inc(await _review_some(database, tenant_id, clock))
    return bool(waiting)


async def _review_some(database: Database, tenant_id: UUID, clock: Clock) -> int:
    async with database.begin_as_worker() as transaction:
        await index.lock_tenant(transaction, tenant_id)
        contact_ids, passes = await learning.take_next(transaction, tenant_id, CONTACTS_AT_ONCE)
        await review_contacts(transaction, tenant_id, contact_ids, now=clock.now())
        await learning.move_on(transaction, tenant_id, contact_ids[-1] if contact_ids else None)
        if not contact_ids and passes + 1 < learning.PASSES:
            await _learn(transaction, tenant_id, passes=passes + 1)
    await merge_sure(database, {(tenant_id, contact_id) for contact_id in contact_ids}, clock)
    return len(contact_ids)


async def _learn(transaction: Transaction, tenant_id: UUID, *, passes: int) -> None:
    contacts = (await index.load_terms(transaction, tenant_id, [EVERYBODY])).get(EVERYBODY, 0)
    fields = sorted(await index.load_custom_keys(transaction, tenant_id))
    await learning.learn_of(transaction, tenant_id, contacts, fields, passes=passes)


@asynccontextmanager
async def reviewing(
    database: Database, clock: Clock, backpressure: "Backpressure", *, pause_s: float
) -> AsyncIterator[None]:
    """While in the block, learn and review every `pause_s` seconds. `database` is the worker role's."""

    async def work() -> bool:
        return await review_round(database, clock, backpressure)

    async with background(repeat("duplicate_reviews", work, pause_s=pause_s)):
        yield
