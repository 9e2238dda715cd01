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
from crm_shared.contracts.event_types import ERASED
from crm_shared.database import Database
from crm_shared.features.replicas.owner_lists import OwnerLists
from crm_shared.settings import ServiceSettings

PAGE_ROWS: Final = 200
SETTLE_S: Final = 2.0
"""How long a projection may lag behind before that counts as a difference."""

LIST_HELD: Final = """
    SELECT {key} AS id, version FROM {table}
     WHERE tenant_id = $1 AND {key} > $2 AND {where}
     ORDER BY {key}
     LIMIT $3
"""
FIND_HELD: Final = "SELECT {key} AS id, version FROM {table} WHERE tenant_id = $1 AND {key} = ANY($2) AND {where}"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Held:
    """What a projection holds of one aggregate: the rows of `table`, named by `key`, that `where` leaves.

    Rows that show nothing to anybody are left out. `tell` is the consumer that keeps them.
    """

    aggregate: str
    table: LiteralString
    where: LiteralString
    tell: Callable[[list[Event]], Awaitable[None]]
    key: LiteralString = "id"

    def sql(self, statement: LiteralString) -> str:
        return statement.format_map({"key": self.key, "table": self.table, "where": self.where})


Opened = AbstractAsyncContextManager[tuple[Database, Sequence[Held]]]
"""What a service's room `repairs` gives: its stores as the worker has them, and what it holds."""


def opening(list_held: Callable[[Database], Sequence[Held]]) -> Callable[[ServiceSettings], Opened]:
    """Make the room's `holding` of a service that holds all in its own database."""

    @asynccontextmanager
    async def holding(settings: ServiceSettings) -> AsyncIterator[tuple[Database, Sequence[Held]]]:
        async with Database.opened(settings.worker_dsn.get_secret_value(), max_size=2) as database:
            yield database, list_held(database)

    return holding


def hold_replicas(tell: Callable[[list[Event]], Awaitable[None]], *aggregates: LiteralString) -> list[Held]:
    """Name the replicas of records that are referred to, a consumer's `tell` brings them in line.

    Left out are contacts that were merged, which no owner shows, and stand-ins of those not heard of yet.
    """
    living: LiteralString = "NOT is_deleted AND merged_into IS NULL AND version > 0"
    return [
        Held(aggregate, "replica_records", "aggregate = '" + aggregate + "' AND " + living, tell)
        for aggregate in aggregates
    ]


@dataclass(slots=True)
class Differences:
    """Ids by aggregate. `strays`: the owner has them no more; `behind`: it has a newer version."""

    strays: dict[str, list[UUID]] = field(default_factory=dict)
    behind: dict[str, list[UUID]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(len(ids) for ids in (*self.strays.values(), *self.behind.values()))

    def lines(self) -> Iterator[str]:
        """Name each difference in words."""
        for aggregate, ids in self.strays.items():
            yield from (f"{aggregate} {record_id}: its owner has it no more" for record_id in ids)
        for aggregate, ids in self.behind.items():
            yield from (f"{aggregate} {record_id}: its owner has a newer version" for record_id in ids)


async def repair(
    database: Database,
    holdings: Sequence[Held],
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
    for held in holdings:
        known: dict[UUID, int] = {}
        async for page in owners.list_versions(held.aggregate):
            known |= page
            progress(f"{held.aggregate}: {len(known)} at the owner")
        strays = found.strays.setdefault(held.aggregate, [])
        behind = found.behind.setdefault(held.aggregate, [])
        looked_at = 0
        async for rows in _walk(database, held, tenant_id):
            suspects = {key: version for key, version in rows.items() if known.get(key, version + 1) > version}
            told = await _ask(database, held, owners, tenant_id, suspects, settle_s)
            strays += [event.aggregate_id for event in told if event.verb == ERASED]
            behind += [event.aggregate_id for event in told if event.verb == SNAPSHOT]
            if heal and told:
                await held.tell(told)
            looked_at += len(rows)
            progress(f"{held.aggregate}: {looked_at} looked at, {found.count} differ")
    return found


async def _walk(database: Database, held: Held, tenant_id: UUID) -> AsyncIterator[dict[UUID, int]]:
    after = UUID(int=0)
    while True:
        async with database.read_as_worker() as connection:
            rows = await connection.fetch(held.sql(LIST_HELD), tenant_id, after, PAGE_ROWS)
        if not rows:
            return
        yield {row["id"]: row["version"] for row in rows}
        after = rows[-1]["id"]


async def _ask(
    database: Database,
    held: Held,
    owners: OwnerLists,
    tenant_id: UUID,
    suspects: Mapping[UUID, int],
    settle_s: float,
) -> list[Event]:
    """Ask the owner for each suspect, and give what the projection has missed, what it hears meanwhile left out."""
    missed = {}
    for record_id, version in suspects.items():
        state = await owners.find(held.aggregate, record_id)
        if state is None:
            missed[record_id] = _to_event(held.aggregate, tenant_id, record_id, version + 1, None)
        elif state["version"] > version:
            missed[record_id] = _to_event(held.aggregate, tenant_id, record_id, state["version"], dict(state))
    if not missed:
        return []
    await asyncio.sleep(settle_s)
    async with database.read_as_worker() as connection:
        rows = await connection.fetch(held.sql(FIND_HELD), tenant_id, list(missed))
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
