"""From a domain's events to the wire. Each aggregate's `events.py` declares its mapping, and knows its names there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from crm_shared.contracts.changes import list_changes
from crm_shared.contracts.event_types import Change
from crm_shared.contracts.topics import SNAPSHOT
from crm_shared.contracts.writing import OutboxEvent, new_event
from crm_shared.event_loop_turns import in_turns

PIECE_EVENTS: Final = 50
"""Some 5 ms of work."""


class VersionedRecord(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


class DomainEvent(Protocol):
    """Has the record as it is now by its aggregate's name and, but for a creation, as it was in `before`."""

    @property
    def at(self) -> datetime: ...


class Author(Protocol):
    """Whose act an event is: an Actor, or whoever calls."""

    @property
    def tenant_id(self) -> UUID: ...
    @property
    def user_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Nobody who calls: the system itself, or the user in whose name it acts."""

    tenant_id: UUID
    user_id: UUID | None = None


RecordT = TypeVar("RecordT", bound=VersionedRecord)
EventT = TypeVar("EventT", bound=DomainEvent)


def _as_compared(_event: DomainEvent, changed: dict[str, Change]) -> dict[str, Change]:
    return changed


@dataclass(frozen=True, slots=True)
class EventMapping(Generic[RecordT, EventT]):
    """How one aggregate's events are named and what they hold.

    `to_state` gives the whole record as events carry it. A verb that depends on more than the event's class is a
    function of the event. `revise` gets the fields that differ between two states, and gives what the event says.
    """

    aggregate: str
    to_state: Callable[[RecordT], dict[str, Any]]
    verbs: Mapping[type[EventT], str | Callable[[Any], str]]
    revise: Callable[[EventT, dict[str, Change]], dict[str, Change]] = _as_compared

    def to_wire(self, events: Iterable[EventT], *, by: Author) -> list[OutboxEvent]:
        """Build the events of one act of `by`, in order."""
        return [self._build(event, by) for event in events]

    async def to_wire_in_turns(self, events: Iterable[EventT], *, by: Author) -> list[OutboxEvent]:
        """Do as `to_wire` for what one transaction does to hundreds: others have the event loop in between."""
        return [self._build(event, by) async for event in in_turns(events, at_once=PIECE_EVENTS)]

    def snapshot(
        self,
        record: RecordT,
        *,
        tenant_id: UUID,
        history: Sequence[Mapping[str, Any]] | None = None,
        value_history: Sequence[Mapping[str, Any]] | None = None,
    ) -> OutboxEvent:
        """Repeat the present state, for a projection that starts from nothing. The histories as in `new_event`."""
        return new_event(
            aggregate=self.aggregate,
            aggregate_id=record.id,
            verb=SNAPSHOT,
            version=record.version,
            tenant_id=tenant_id,
            occurred_at=record.updated_at,
            state=self.to_state(record),
            changed=None,
            actor_id=None,
            history=history,
            value_history=value_history,
        )

    def _build(self, event: EventT, by: Author) -> OutboxEvent:
        record: RecordT = getattr(event, self.aggregate)
        before: RecordT | None = getattr(event, "before", None)
        verb, state = self.verbs[type(event)], self.to_state(record)
        changed = None if before is None else self.revise(event, list_changes(self.to_state(before), state))
        return new_event(
            aggregate=self.aggregate,
            aggregate_id=record.id,
            verb=verb if isinstance(verb, str) else verb(event),
            version=record.version,
            tenant_id=by.tenant_id,
            occurred_at=event.at,
            state=state,
            changed=changed,
            actor_id=by.user_id,
        )
