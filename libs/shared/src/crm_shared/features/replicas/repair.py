"""Finds what a projection holds and its owner does not, or holds newer, and brings it in line.

By the contract alone: the owner's lists and GET, and the projection's own consumer, which is told what it has missed.
So a record that comes back later has a higher version and wins, and a repair that was interrupted is simply run again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from crm_shared.clock import new_id
from crm_shared.contracts import SNAPSHOT, Event
from crm_shared.contracts.topics import ERASED
from crm_shared.database import Database
from crm_shared.features.replicas.owner_lists import OwnerLists
from crm_shared.settings import ServiceSettings

PAGE_ROWS: Final = 200
SETTLE_S: Final = 2.0
"""How long a projection may lag behind before that counts as a difference."""

LIST_PROJECTED: Final = """
    SELECT {key} AS id, version FROM {table}
     WHERE tenant_id = $1 AND {key} > $2 AND {where}
     ORDER BY {key}
     LIMIT $3
"""
FIND_PROJECTED: Final = "SELECT {key} AS id, version FROM {table} WHERE tenant_id = $1 AND {key} = ANY($2) AND {where}"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ProjectedRows:
    """What a projection holds of one aggregate: the rows of `table`, named by `key`, that `where` leaves.

    Rows that show nothing to anybody are left out. `consume` is the consumer that keeps them.
    """

    aggregate: str
    table: LiteralString
    where: LiteralString
    consume: Callable[[list[Event]], Awaitable[None]]
    key: LiteralString = "id"

    def sql(self, statement: LiteralString) -> str:
        return statement.format_map({"key": self.key, "table": self.table, "where": self.where})


Opened = AbstractAsyncContextManager[tuple[Database, Sequence[ProjectedRows]]]
"""What a service's room `repairs` gives: its stores as the worker has them, and what it holds."""


def opening(list_projected: Callable[[Database], Sequence[ProjectedRows]]) -> Callable[[ServiceSettings], Opened]:
    """Make the room's `opening_projections` of a service that holds all in its own database."""

    @asynccontextmanager
    async def opening_projections(settings: ServiceSettings) -> AsyncIterator[tuple[Database, Sequence[ProjectedRows]]]:
        async with Database.opened(settings.worker_dsn.get_secret_value(), max_size=2) as database:
            yield database, list_projected(database)

    return opening_projections


def list_replicas(consume: Callable[[list[Event]], Awaitable[None]], *aggregates: LiteralString) -> list[ProjectedRows]:
    """Name the replicas of records that are referred to, a consumer's `consume` brings them in line.

    Left out are contacts that were merged, which no owner shows, and stand-ins of those not heard of yet.
    """
    known_present: LiteralString = "NOT is_deleted AND merged_into IS NULL AND version > 0"
    return [
        ProjectedRows(aggregate, "replica_records", "aggregate = '" + aggregate + "' AND " + known_present, consume)
        for aggregate in aggregates
    ]


@dataclass(slots=True)
class Differences:
    """Ids by aggregate. `orphans`: the owner has them no more; `behind`: it has a newer version."""

    orphans: dict[str, list[UUID]] = field(default_factory=dict)
    behind: dict[str, list[UUID]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(len(ids) for ids in (*self.orphans.values(), *self.behind.values()))

    def lines(self) -> Iterator[str]:
        """Name each difference in words."""
        for aggregate, ids in self.orphans.items():
            yield from (f"{aggregate} {record_id}: its owner has it no more" for record_id in ids)
        for aggregate, ids in self.behind.items():
            yield from (f"{aggregate} {record_id}: its owner has a newer version" for record_id in ids)


async def repair(
    database: Database,
    projections: Sequence[ProjectedRows],
    owners: OwnerLists,
    *,
    tenant_id: UUID,
    heal: bool,
    progress: Progress,
    settle_s: float = SETTLE_S,
) -> Differences:
    """Compare a tenant's rows with their owners, and with `heal` bring them in line. `database` is the worker role's.

    Nothing is taken away but what its owner's own GET says is gone. Raises OwnerDiffers when an owner can't be asked.
    """
    await owners.require_sees_all(tenant_id)
    found = Differences()
    for projected in projections:
        known: dict[UUID, int] = {}
        async for page in owners.list_versions(projected.aggregate):
            known |= page
            progress(f"{projected.aggregate}: {len(known)} at the owner")
        orphans = found.orphans.setdefault(projected.aggregate, [])
        behind = found.behind.setdefault(projected.aggregate, [])
        looked_at = 0
        async for rows in _walk(database, projected, tenant_id):
            suspects = {key: version for key, version in rows.items() if known.get(key, version + 1) > version}
            published = await _ask(database, projected, owners, tenant_id, suspects, settle_s)
            orphans += [event.aggregate_id for event in published if event.verb == ERASED]
            behind += [event.aggregate_id for event in published if event.verb == SNAPSHOT]
            if heal and published:
                await projected.consume(published)
            looked_at += len(rows)
            progress(f"{projected.aggregate}: {looked_at} looked at, {found.count} differ")
    return found


async def _walk(database: Database, projected: ProjectedRows, tenant_id: UUID) -> AsyncIterator[dict[UUID, int]]:
    after = UUID(int=0)
    while True:
        async with database.read_as_worker() as connection:
            rows = await connection.fetch(projected.sql(LIST_PROJECTED), tenant_id, after, PAGE_ROWS)
        if not rows:
            return
        yield {row["id"]: row["version"] for row in rows}
        after = rows[-1]["id"]


async def _ask(
    database: Database,
    projected: ProjectedRows,
    owners: OwnerLists,
    tenant_id: UUID,
    suspects: Mapping[UUID, int],
    settle_s: float,
) -> list[Event]:
    """Ask the owner for each suspect, and give what the projection has missed, what it hears meanwhile left out."""
    missed = {}
    for record_id, version in suspects.items():
        state = await owners.find(projected.aggregate, record_id)
        if state is None:
            missed[record_id] = _to_event(projected.aggregate, tenant_id, record_id, version + 1, None)
        elif state["version"] > version:
            missed[record_id] = _to_event(projected.aggregate, tenant_id, record_id, state["version"], dict(state))
    if not missed:
        return []
    await asyncio.sleep(settle_s)
    async with database.read_as_worker() as connection:
        rows = await connection.fetch(projected.sql(FIND_PROJECTED), tenant_id, list(missed))
    return [missed[row["id"]] for row in rows if row["version"] < missed[row["id"]].version]


def _to_event(aggregate: str, tenant_id: UUID, record_id: UUID, version: int, state: dict[str, Any] | None) -> Event:
    """Tell of a record as it is, or that it is gone: as of an erased one, since it may have been, so no trace stays."""
    return Event(
        id=new_id(),
        type=f"crm.{aggregate}.{ERASED if state is None else SNAPSHOT}",
        tenant_id=tenant_id,
        aggregate=aggregate,
        aggregate_id=record_id,
        version=version,
        occurred_at=datetime.now(UTC),
        state=state or {"id": str(record_id), "version": version},
    )
