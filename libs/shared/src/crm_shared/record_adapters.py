"""One kind of record as its service keeps and publishes it: what the suite's own work on many of them goes by.

That is work of nobody's request: passing on what a leaver owned, following a merged contact, removing the values of a
deleted field. Each record gets its next version and one event, as if somebody had edited it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, LiteralString, Protocol, TypeVar
from uuid import UUID

from crm_shared.contracts import Actor, EventMapping
from crm_shared.database import Transaction
from crm_shared.publishing import publish


class Record(Protocol):
    """A frozen dataclass with at least these fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Edit(Generic[RecordT]):
    """A record as the edit leaves it, and as it was before."""

    record: RecordT
    before: RecordT
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordAdapter(Generic[RecordT]):
    """`columns` are the record's own, by `alias` of `table`; `to_record` reads a row of just them.

    `edited` is the event of an edit, made from the record, as it was before, and the moment.
    """

    mapping: EventMapping[RecordT, Any]
    edited: Callable[[RecordT, RecordT, datetime], Any]
    table: LiteralString
    alias: LiteralString
    columns: str
    to_record: Callable[[Mapping[str, Any]], RecordT]
    is_audited: bool

    @property
    def aggregate(self) -> str:
        return self.mapping.aggregate

    def select(self, more: LiteralString = "") -> str:
        """Return `SELECT columns, more FROM table alias`; `more` begins with its comma."""
        return "SELECT" + self.columns + more + " FROM " + self.table + " " + self.alias

    def edit(self, record: RecordT, *, now: datetime, **fields: object) -> Edit[RecordT]:
        """Set fields: the next version."""
        return Edit(replace(record, version=record.version + 1, updated_at=now, **fields), record, now)

    async def publish_edits(
        self, transaction: Transaction, edits: Sequence[Edit[RecordT]], *, tenant_id: UUID, actor_id: UUID | None
    ) -> None:
        events = [self.edited(edit.record, edit.before, edit.at) for edit in edits]
        wire = await self.mapping.to_wire_in_turns(events, by=Actor(tenant_id, actor_id))
        await publish(transaction, wire, audited=self.is_audited)
