"""Contacts that changed: their duplicates are looked for, and merged where that is sure."""

from collections import defaultdict
from typing import Final
from uuid import UUID

from crm_contacts.duplicates.candidate_search import find_duplicates
from crm_contacts.duplicates.merging import merge_sure
from crm_shared.bus import subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database

MAX_RECORDS: Final = 200  # the tenant's lock is held for as long as these take: about a second


@subscribe("crm.contact", group_id="contacts.duplicates", max_records=MAX_RECORDS)
async def follow_contacts(batch: list[Event], database: Database, clock: Clock) -> None:
    """Look for duplicates of the batch's contacts.

    What is sure is merged afterwards: a crash between the two leaves open candidates, which the batch's second coming
    merges though it finds nothing new.
    """
    versions: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for event in batch:
        newest = versions[event.tenant_id]
        newest[event.aggregate_id] = max(event.version, newest.get(event.aggregate_id, 0))
    for tenant_id in sorted(versions):
        async with database.begin_as_worker() as transaction:
            await find_duplicates(transaction, tenant_id, versions[tenant_id], now=clock.now())
    await merge_sure(database, {(event.tenant_id, event.aggregate_id) for event in batch}, clock)
