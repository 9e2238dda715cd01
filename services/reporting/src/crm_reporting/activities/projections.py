"""From events to activity facts. No I/O; which row is newer is the store's to say."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from crm_shared.contracts import Event
from crm_shared.contracts.states import ActivityType, Direction, Instant, State
from crm_shared.message_keys import to_key


class CountedActivity(State):
    """What reports read of an activity's state: no texts."""

    aggregate: ClassVar[str] = "activity"

    type: ActivityType
    contact_id: UUID | None = None
    contact_ids: tuple[UUID, ...] = ()
    deal_id: UUID | None = None
    user_id: UUID | None = None
    completed_at: Instant | None = None
    occurred_at: Instant
    direction: Direction | None = None
    in_reply_to: UUID | None = None
    message_id: str | None = None
    reference_ids: tuple[str, ...] = ()
    thread_id: UUID | None = None
    is_automatic: bool = False
    system: bool = False
    deleted_at: Instant | None = None


class ActivityFact(NamedTuple):
    """An activity as it stands, in the order of the table's columns; lists of ids as PostgreSQL writes them.

    Message ids name people, so keys stand for them: an outbound e-mail's own, and those that an inbound one refers to.
    """

    tenant_id: UUID
    activity_id: UUID
    version: int
    type: str
    user_id: UUID | None
    contact_ids: str
    deal_id: UUID | None
    direction: str | None
    occurred_at: datetime
    completed_at: datetime | None
    thread_id: UUID | None
    in_reply_to: UUID | None
    message_key: UUID | None
    reference_keys: str
    is_automatic: bool
    is_system: bool
    is_deleted: bool


def to_facts(events: Sequence[Event]) -> list[ActivityFact]:
    """Return one fact an activity, from the newest of its events, sorted by key: all batches lock rows in one order.

    Raises BadRecord, for older events too: what is bad must not depend on the batch.
    """
    newest: dict[tuple[UUID, UUID], tuple[Event, CountedActivity | None]] = {}
    for event in events:
        key, state = (event.tenant_id, event.aggregate_id), event.read_unless_over(CountedActivity)
        if key not in newest or newest[key][0].version < event.version:
            newest[key] = event, state
    return [_to_fact(*newest[key]) for key in sorted(newest)]


def _to_fact(event: Event, state: CountedActivity | None) -> ActivityFact:
    """Make a fact. What was erased is counted as long as its owner shows it: who did what when stays, for reports."""
    if state is None:
        return _to_end(event)
    is_email = state.type == "EMAIL"
    contact_ids = state.contact_ids or (() if state.contact_id is None else (state.contact_id,))
    return ActivityFact(
        event.tenant_id,
        event.aggregate_id,
        event.version,
        state.type,
        state.user_id,
        _to_array(contact_ids),
        state.deal_id,
        state.direction,
        state.occurred_at,
        state.completed_at,
        (state.thread_id or state.id) if is_email else None,
        state.in_reply_to,
        to_key(event.tenant_id, state.message_id) if state.message_id and state.direction == "OUTBOUND" else None,
        _to_array(to_key(event.tenant_id, name) for name in state.reference_ids if state.direction == "INBOUND"),
        state.is_automatic,
        state.system,
        state.deleted_at is not None,
    )


def _to_end(event: Event) -> ActivityFact:
    """Make the fact of an activity that is gone: it counts nowhere, and nothing older brings it back."""
    return ActivityFact(
        tenant_id=event.tenant_id,
        activity_id=event.aggregate_id,
        version=event.version,
        type="NOTE",
        user_id=None,
        contact_ids="{}",
        deal_id=None,
        direction=None,
        occurred_at=event.occurred_at,
        completed_at=None,
        thread_id=None,
        in_reply_to=None,
        message_key=None,
        reference_keys="{}",
        is_automatic=False,
        is_system=False,
        is_deleted=True,
    )


def _to_array(ids: Iterable[UUID]) -> str:
    """Write an array, each id once, in order: arrays of unequal length can't be a parameter's elements themselves."""
    return "{" + ",".join(dict.fromkeys(map(str, ids))) + "}"
