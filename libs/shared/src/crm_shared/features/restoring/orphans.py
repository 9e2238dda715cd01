"""Finds what others know and the restored database doesn't, and tells them that it is gone."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString, TypeAlias
from uuid import UUID

from crm_shared.contracts import SNAPSHOT, Event, OutboxEvent, new_event
from crm_shared.contracts.dated_values import VALUE_ENTRIES, dated_fields
from crm_shared.contracts.topics import ERASED
from crm_shared.contracts.writing import restored
from crm_shared.database import Database
from crm_shared.publishing import publish
from crm_shared.snapshots.sources import SnapshotSource

PRESENT: Final[LiteralString] = """
    SELECT t.tenant_id, t.{key} AS id, {is_erased} AS is_erased
      FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
      JOIN {table} t ON t.tenant_id = wanted.tenant_id AND t.{key} = wanted.id
"""
CHUNK_EVENTS: Final = 200

Key: TypeAlias = tuple[UUID, UUID]
"""Tenant and id."""


@dataclass(slots=True)
class LostSince:
    """What was told of after the moment to which the database was restored.

    `orphans`: records that are not there, by their last event. `unerased`: those whose personal data is there again.
    `made_again`: how many more are not there yet, but will be.
    """

    orphans: dict[Key, Event] = field(default_factory=dict)
    unerased: set[Key] = field(default_factory=set)
    made_again: int = 0


async def find_lost(database: Database, source: SnapshotSource, published: AsyncIterator[list[Event]]) -> LostSince:
    """Compare what was `published` of one aggregate with what is there. `database` is the worker role's."""
    lost = LostSince()
    async for events in published:
        present = await _find_present(database, source, events)
        for event in events:
            key = _to_key(event)
            if key not in present:
                lost.orphans[key] = event
            elif event.is_erasure and source.has_erasures and not present[key]:
                lost.unerased.add(key)
    # Of those that were erased nothing is left to take back; of an end that could not be read a snapshot has no state.
    lost.orphans = {
        key: event
        for key, event in lost.orphans.items()
        if event.verb != ERASED and "created_at" in event.state and not (source.end is None and event.is_removal)
    }
    # The version that they begin with anew would be stale to whoever has heard of their end.
    if lost.orphans and source.find_made_again is not None:
        async with database.read_as_worker() as connection:
            again = await source.find_made_again(connection, list(lost.orphans.values()))
        lost.orphans = {key: event for key, event in lost.orphans.items() if key not in again}
        lost.made_again = len(again)
    return lost


async def _find_present(database: Database, source: SnapshotSource, events: Sequence[Event]) -> Mapping[Key, bool]:
    """Return those that are there, and whether they are erased."""
    keys = sorted({_to_key(event) for event in events})
    is_erased = "t.erased_at IS NOT NULL" if source.has_erasures else "false"
    statement = PRESENT.format_map({"table": source.table, "key": source.key, "is_erased": is_erased})
    async with database.read_as_worker() as connection:
        rows = await connection.fetch(statement, [tenant_id for tenant_id, _ in keys], [one for _, one in keys])
    return {(row["tenant_id"], row["id"]): row["is_erased"] for row in rows}


async def end_orphans(
    database: Database, source: SnapshotSource, orphans: Sequence[Event], *, epoch: int, now: datetime
) -> list[Key]:
    """Tell that `orphans` are gone and never were, and return those of which that can't be told.

    These are all of an aggregate that has no end, and whoever's last state is not whole: no reader would take its end.
    """
    if source.end is None:
        return [_to_key(orphan) for orphan in orphans]
    left: list[Key] = []
    end = source.end(now)
    for begin in range(0, len(orphans), CHUNK_EVENTS):
        events = []
        for orphan in orphans[begin : begin + CHUNK_EVENTS]:
            try:
                events.append(_end(orphan, end, epoch=epoch, now=now))
            except (KeyError, ValueError):
                left.append(_to_key(orphan))
        async with database.begin_as_worker() as transaction:
            await publish(transaction, events, audited=False)
    return left


def _to_key(event: Event) -> Key:
    return event.tenant_id, event.aggregate_id


def _end(orphan: Event, end: Mapping[str, Any], *, epoch: int, now: datetime) -> OutboxEvent:
    """Return a stray's end. Raises KeyError or ValueError where its state lacks what a snapshot must have."""
    version = max(orphan.version + 1, epoch)
    state = {**orphan.state, "version": version, "updated_at": now, **end}
    dated = orphan.aggregate in VALUE_ENTRIES
    values = {name: state[name] for name in dated_fields(orphan.aggregate)} if dated else {}
    entry = {"version": version, "changed_at": state["created_at"], "values": values}
    snapshot = new_event(
        aggregate=orphan.aggregate,
        aggregate_id=orphan.aggregate_id,
        verb=SNAPSHOT,
        version=version,
        tenant_id=orphan.tenant_id,
        occurred_at=now,
        state=state,
        changed=None,
        actor_id=None,
        history=[] if orphan.aggregate == "deal" else None,
        value_history=[entry] if dated else None,
    )
    return restored(snapshot, 0)
