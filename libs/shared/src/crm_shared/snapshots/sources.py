"""Where a service's snapshots come from: for each aggregate its table, and how rows become events that repeat them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from crm_shared.contracts import Event, OutboxEvent
from crm_shared.database import Connection, Database
from crm_shared.database.walks import Page, select_pages, walk_pages


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """One aggregate's records: `columns` of `table`, named by `alias`, and the events that `to_events` makes of them.

    `end` gives, at a moment, the fields by which a record's state says that nobody may find it any longer; without it
    the aggregate has no end. `has_erasures`: the table notes in `erased_at` whose personal data is gone.
    `find_made_again` gives, of records that are not there but whose events are, (tenant, id) of those that the service
    itself will make once more under the same ids.
    """

    aggregate: str
    table: LiteralString
    alias: LiteralString
    columns: LiteralString
    to_events: Callable[[Connection, Page], Awaitable[list[OutboxEvent]]]
    end: Callable[[datetime], Mapping[str, Any]] | None = None
    key: LiteralString = "id"
    has_erasures: bool = False
    find_made_again: Callable[[Connection, Sequence[Event]], Awaitable[Collection[tuple[UUID, UUID]]]] | None = None

    @property
    def page_query(self) -> str:
        """The query that `walk_pages` reads the table by."""
        return select_pages(self.columns, self.table, self.alias, key=self.key)


def delete_at(moment: datetime) -> Mapping[str, Any]:
    """Return what a record's state says of its deletion."""
    return {"deleted_at": moment}


async def list_snapshots(database: Database, sources: Sequence[SnapshotSource]) -> AsyncIterator[OutboxEvent]:
    """Yield the present state of every record of every tenant, deleted ones included, page by page.

    `database` is the worker role's.
    """
    for source in sources:
        async for page in walk_pages(database, source.page_query):
            async with database.read_as_worker() as connection:
                events = await source.to_events(connection, page)
            for event in events:
                yield event
