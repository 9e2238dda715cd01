"""One kind of record as its service keeps and tells of it: what the suite's own work on many of them goes by.

That is work of nobody's request: passing on what a leaver owned, following a merged contact, removing the values of a
deleted field. Each record gets its next version and one event, as if somebody had edited it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, LiteralString, Protocol, TypeVar
from uuid import UUID

from crm_shared.audit import tell
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Transaction


class Record(Protocol):
    """A frozen dataclass with at least these fields, and `updated_at`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Edit(Generic[RecordT]):
    """A record as the edit leaves it, and as it was before."""

    record: RecordT
    before: RecordT
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordKind(Generic[RecordT]):
    """`columns` are the record's own, by `alias` of `table`; `to_record` reads a row of just them.

    `to_event` tells of an edit by `actor_id`, None for nobody, in a tenant; `tell` writes such events where they
    belong.
    """

    aggregate: str
    table: LiteralString
    alias: LiteralString
    columns: LiteralString
    to_record: Callable[[Mapping[str, Any]], RecordT]
    to_event: Callable[[Edit[RecordT], UUID, UUID | None], OutboxEvent]
    tell: Callable[[Transaction, Sequence[OutboxEvent]], Awaitable[None]] = tell

    def select(self, more: LiteralString = "") -> str:
        """Give `SELECT columns, more FROM table alias`; `more` begins with its comma."""
        return "SELECT" + self.columns + more + " FROM " + self.table + " " + self.alias

    def edit(self, record: RecordT, *, now: datetime, **fields: object) -> Edit[RecordT]:
        """Set fields: the next version."""
        return Edit(replace(record, version=record.version + 1, updated_at=now, **fields), record, now)

    async def tell_edits(
        self, transaction: Transaction, edits: Sequence[Edit[RecordT]], *, tenant_id: UUID, actor_id: UUID | None
    ) -> None:
        await self.tell(transaction, [self.to_event(edit, tenant_id, actor_id) for edit in edits])
