"""Reminders made ready before their time: all of an event but the instant at which it is given. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from typing import Final
from uuid import UUID

from crm_activities.activities.activity import Activity
from crm_activities.activities.events import MAPPING
from crm_activities.reminders.domain import remind, since_when
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.json_text import JsonText, to_json

STAND_IN: Final = datetime(2200, 12, 31, 23, 59, 59, 870_413, tzinfo=UTC)
"""Stands in the event until the instant is known. An activity that holds it itself is not made ready."""

_WRITTEN: Final = to_json(STAND_IN)
_TIMES_IN_PAYLOAD: Final = 3
"""The state's `updated_at` and `reminded_at`, and what `reminded_at` became."""


@dataclass(frozen=True, slots=True)
class PreparedReminder:
    """An activity's event, in parts between which the instant is written.

    It holds as long as the activity is at `version`, written at `updated_at`.
    """

    remind_at: datetime
    due_since: datetime
    version: int
    updated_at: datetime
    event: OutboxEvent
    payload_parts: tuple[bytes, ...]
    changed_parts: tuple[bytes, ...]

    @property
    def key(self) -> tuple[UUID, UUID]:
        """Return the tenant's id and the activity's."""
        return self.event.tenant_id, self.event.aggregate_id


def prepare(tenant_id: UUID, activity: Activity) -> PreparedReminder | None:
    """Make its reminder ready; None where there is none to give, or where only its own instant will tell."""
    remind_at = activity.remind_at
    is_over = activity.completed_at is not None or activity.deleted_at is not None
    if remind_at is None or activity.reminded_at is not None or is_over:
        return None
    (event,) = MAPPING.to_wire([remind(activity, now=STAND_IN)], by=Actor(tenant_id))
    payload_parts = tuple(event.payload.split(_WRITTEN))
    changed_parts = tuple((event.changed or b"").split(_WRITTEN))
    if len(payload_parts) != _TIMES_IN_PAYLOAD + 1 or len(changed_parts) != 1 + 1:
        return None
    return PreparedReminder(
        remind_at, since_when(activity), activity.version, activity.updated_at, event, payload_parts, changed_parts
    )


def finish(reminders: Sequence[PreparedReminder], *, now: datetime) -> list[OutboxEvent]:
    """Return their events as they are when they are given `now`."""
    written = to_json(now)
    longer_by = (_TIMES_IN_PAYLOAD - 1) * (len(written) - len(_WRITTEN))
    return [
        replace(
            one.event,
            occurred_at=now,
            payload=written.join(one.payload_parts),
            changed=JsonText(written.join(one.changed_parts)),
            state_bytes=one.event.state_bytes + longer_by,
        )
        for one in reminders
    ]


class PreparedQueue:
    """What is ready, the earliest first. `size_bytes`: how long the events are."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, PreparedReminder]] = []
        self._numbers = count()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, reminder: PreparedReminder) -> None:
        heappush(self._heap, (reminder.remind_at, next(self._numbers), reminder))
        self.size_bytes += len(reminder.event.payload)

    def take_due(self, now: datetime, *, at_most: int) -> list[PreparedReminder]:
        """Take the earliest whose time has come out of the queue."""
        due: list[PreparedReminder] = []
        while self._heap and self._heap[0][0] <= now and len(due) < at_most:
            due.append(heappop(self._heap)[2])
            self.size_bytes -= len(due[-1].event.payload)
        return due
