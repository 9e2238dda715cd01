"""What one service can say of an event's way, as values that go from process to process as JSON. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import TypeAdapter

from crm_shared.clock import time_of_id_s

Reading = Literal["past", "waits", "never"]
"""past: the group has committed an offset behind the event; never: it has committed nothing in its partition."""

OUTBOX: Final = "the outbox"

EffectState = Literal["there", "missing", "waits", "failed"]


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """What the event itself says: the same in the outbox and on the topic."""

    type: str
    aggregate: str
    aggregate_id: str
    version: int | None
    tenant_id: str | None
    occurred_at: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands; `at` is when Kafka got it."""

    topic: str
    partition: int
    offset: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """A topic that was read for the event: from when on, how many records; not `is_whole`: the bound came first."""

    topic: str
    since: datetime
    record_count: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """How far a group is in the event's partition: `before_event` records are to be handled until it is through it."""

    group_id: str
    reading: Reading
    committed: int | None
    lag: int
    before_event: int
    waits_s: float | None


@dataclass(frozen=True, slots=True)
class Letter:
    """The event as a dead letter; `is_put_back`: a redrive has passed it since."""

    group_id: str
    topic: str
    offset: int
    at: datetime
    reason: str
    error: str
    is_put_back: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event is to leave behind in a service's store. `at`: when it was made, where the store says."""

    name: str
    state: EffectState
    detail: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What could not be asked, and why."""

    what: str
    why: str


@dataclass
class ServicePart:
    """All that one service knows. `outbox_position` of an event that waits there; None where none does, or none is."""

    service: str
    event_id: UUID
    has_outbox: bool
    outbox_position: int | None = None
    outbox_before: int | None = None
    event: TrackedEvent | None = None
    place: Place | None = None
    is_record_broken: str | None = None
    looked: list[Looked] = field(default_factory=list)
    groups: list[GroupProgress] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)

    @property
    def is_outbox_asked(self) -> bool:
        """Return whether it has an outbox that answered."""
        return self.has_outbox and not any(one.what.startswith(OUTBOX) for one in self.unanswered)

    @property
    def is_found(self) -> bool:
        return self.event is not None


PART: Final = TypeAdapter(ServicePart)
PARTS: Final = TypeAdapter(list[ServicePart])


def written_at(event_id: UUID) -> datetime:
    """Return when an event was written. Raises ValueError for an id that says no time: it is none of an event."""
    at_s = time_of_id_s(event_id)
    if at_s is None:
        raise ValueError(f"{event_id} is no id of an event: those are UUIDs of version 7")
    return datetime.fromtimestamp(at_s, UTC)


def is_found(parts: Sequence[ServicePart]) -> bool:
    return any(part.is_found for part in parts)
