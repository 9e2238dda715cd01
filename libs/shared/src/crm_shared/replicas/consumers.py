"""The consumers that every service has: its replica of the directory, and of the records it refers to."""

from typing import Concatenate

from crm_shared.access.directory import apply_directory_events
from crm_shared.bus import Consumer, subscribe
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.pacing import Pace
from crm_shared.replicas.following import Movers, follow_merges
from crm_shared.replicas.records import from_event, save_records


def keep_directory(service: str) -> Consumer[[Database]]:
    """Keep tenants, users and `visible_owners` as contacts tells of them."""

    @subscribe("crm.tenant", "crm.user", group_id=f"{service}.directory")
    async def keep(batch: list[Event], database: Database) -> None:
        async with database.begin_as_worker() as transaction:
            await apply_directory_events(transaction, batch)

    return keep


def keep_replicas(service: str, *topics: str, followers: Movers | None = None) -> Consumer[Concatenate[Database, ...]]:
    """Keep the names, owners and parents of the records on `topics`; what refers to merged contacts follows them.

    The consumer depends on the database of the worker's role and, for a worker, on the pace of what follows.
    """
    clock = SystemClock()

    @subscribe(*topics, group_id=f"{service}.replicas")
    async def keep(batch: list[Event], database: Database, pace: Pace | None = None) -> None:
        records = [from_event(event) for event in batch]
        async with database.begin_as_worker() as transaction:
            await save_records(transaction, records)
        if followers is not None:
            # By transactions of their own, after the replica's: a contact may have ten thousand records to move, and
            # whoever writes a reference from now on sees the merge.
            contacts = [(record.tenant_id, record.id) for record in records if record.aggregate == "contact"]
            await follow_merges(database, followers, contacts, clock, pace)

    return keep
