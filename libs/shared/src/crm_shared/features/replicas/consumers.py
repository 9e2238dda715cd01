"""The consumers that every service has: its replica of the directory, and of the records it refers to."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate
from uuid import UUID

from crm_shared.access.directory import apply_directory_events
from crm_shared.backpressure import Backpressure
from crm_shared.bus import Consumer, subscribe
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event
from crm_shared.database import Database, Transaction
from crm_shared.features.replicas.merge_following import Movers, follow_merges
from crm_shared.features.replicas.records import from_event, save_records

Forget = Callable[[Transaction, Sequence[tuple[UUID, UUID]]], Awaitable[None]]
"""Takes out of a service's own tables what they hold of contacts, each (tenant, id)."""


def keep_directory(service: str) -> Consumer[[Database]]:
    """Keep tenants, users and `visible_owners` as contacts tells of them."""

    @subscribe("crm.tenant", "crm.user", group_id=f"{service}.directory")
    async def keep(batch: list[Event], database: Database) -> None:
        async with database.begin_as_worker() as transaction:
            await apply_directory_events(transaction, batch)

    return keep


def keep_replicas(
    service: str, *topics: str, followers: Movers | None = None, forget: Forget | None = None
) -> Consumer[Concatenate[Database, ...]]:
    """Keep the names, owners and parents of the records on `topics`; what refers to merged contacts follows them.

    `forget` is told of contacts that were erased, while the replica still has what it knew of them.

    The consumer depends on the database of the worker's role and, for a worker, on the pace of what follows.
    """
    clock = SystemClock()

    @subscribe(*topics, group_id=f"{service}.replicas")
    async def keep(batch: list[Event], database: Database, backpressure: Backpressure | None = None) -> None:
        records = [from_event(event) for event in batch]
        async with database.begin_as_worker() as transaction:
            erased = [(event.tenant_id, event.aggregate_id) for event in batch if _is_erased_contact(event)]
            if forget is not None and erased:
                await forget(transaction, erased)
                # And what they were called last, should the same batch tell of it.
                before = [record for record in records if (record.tenant_id, record.id) in set(erased) and record.name]
                if before:
                    await save_records(transaction, before)
                    await forget(transaction, erased)
            await save_records(transaction, records)
        if followers is not None:
            # By transactions of their own, after the replica's: a contact may have ten thousand records to move, and
            # whoever writes a reference from now on sees the merge.
            contacts = [(record.tenant_id, record.id) for record in records if record.aggregate == "contact"]
            await follow_merges(database, followers, contacts, clock, backpressure)

    return keep


def _is_erased_contact(event: Event) -> bool:
    return event.aggregate == "contact" and event.is_erasure
