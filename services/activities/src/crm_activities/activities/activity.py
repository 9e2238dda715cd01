"""What an activity consists of: its types, its fields, and which type has which. No I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from crm_shared.record_fields import FieldReader


class ActivityType(StrEnum):
    EMAIL = "EMAIL"
    CALL = "CALL"
    MEETING = "MEETING"
    NOTE = "NOTE"
    TASK = "TASK"


class Direction(StrEnum):
    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class CallOutcome(StrEnum):
    CONNECTED = "CONNECTED"
    NO_ANSWER = "NO_ANSWER"
    VOICEMAIL = "VOICEMAIL"
    BUSY = "BUSY"
    WRONG_NUMBER = "WRONG_NUMBER"


class TaskPriority(StrEnum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"


TO_DO_TYPES = frozenset({ActivityType.TASK, ActivityType.MEETING})
"""What is planned, done, and opened again."""

# Fields that only some types have (api.md): any other type refuses them.
TYPES_WITH: Mapping[str, frozenset[ActivityType]] = {
    "direction": frozenset({ActivityType.EMAIL, ActivityType.CALL}),
    "outcome": frozenset({ActivityType.CALL}),
    "duration_s": frozenset({ActivityType.CALL, ActivityType.MEETING}),
    "location": frozenset({ActivityType.MEETING}),
    "priority": frozenset({ActivityType.TASK}),
    "scheduled_at": TO_DO_TYPES,
    "scheduled_on": TO_DO_TYPES,
    "completed_at": TO_DO_TYPES,
    "recurrence": TO_DO_TYPES,
    "message_id": frozenset({ActivityType.EMAIL}),
    "reference_ids": frozenset({ActivityType.EMAIL}),
    "is_automatic": frozenset({ActivityType.EMAIL}),
}


@dataclass(frozen=True, slots=True)
class Activity:
    """Something done or to be done. `user_id` is None only where the system wrote of what nobody did.

    `occurred_at` is its place in timelines; `system` marks what the suite itself wrote, `system_kind` and `facts` say
    what of. `contact_id` is the first of `contact_ids`; `original_…` are the contacts as given, where merges have moved
    one. `scheduled_on` is a day without a time, instead of `scheduled_at`. `recurrence` is the rule of its series,
    `recurrence_id` the start that the rule gave it.
    """

    id: UUID
    version: int
    type: ActivityType
    contact_id: UUID | None
    original_contact_id: UUID | None
    deal_id: UUID | None
    user_id: UUID | None
    subject: str | None
    body: str | None
    scheduled_at: datetime | None
    completed_at: datetime | None
    occurred_at: datetime
    direction: Direction | None
    in_reply_to: UUID | None
    duration_s: int | None
    external_id: str | None
    system: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    erased_at: datetime | None = None
    contact_ids: tuple[UUID, ...] = ()
    original_contact_ids: tuple[UUID, ...] = ()
    scheduled_on: date | None = None
    remind_at: datetime | None = None
    reminded_at: datetime | None = None
    outcome: CallOutcome | None = None
    location: str | None = None
    priority: TaskPriority | None = None
    message_id: str | None = None
    reference_ids: tuple[str, ...] = ()
    is_automatic: bool = False
    thread_id: UUID | None = None
    attachments: tuple[Mapping[str, Any], ...] = ()
    recurrence: Mapping[str, Any] | None = None
    series_id: UUID | None = None
    recurrence_id: str | None = None
    system_kind: str | None = None
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewActivity:
    """What is said of an activity to be. `user_id` None means nobody's, `occurred_at` None means now."""

    type: ActivityType
    contact_id: UUID | None = None
    original_contact_id: UUID | None = None
    contact_ids: tuple[UUID, ...] = ()
    original_contact_ids: tuple[UUID, ...] = ()
    deal_id: UUID | None = None
    user_id: UUID | None = None
    subject: str | None = None
    body: str | None = None
    scheduled_at: datetime | None = None
    scheduled_on: date | None = None
    remind_at: datetime | None = None
    completed_at: datetime | None = None
    occurred_at: datetime | None = None
    direction: Direction | None = None
    outcome: CallOutcome | None = None
    location: str | None = None
    priority: TaskPriority | None = None
    in_reply_to: UUID | None = None
    message_id: str | None = None
    reference_ids: tuple[str, ...] = ()
    is_automatic: bool = False
    duration_s: int | None = None
    attachments: tuple[Mapping[str, Any], ...] = ()
    external_id: str | None = None
    recurrence: Mapping[str, Any] | None = None
    series_id: UUID | None = None
    recurrence_id: str | None = None
    system_kind: str | None = None
    facts: Mapping[str, Any] | None = None


FIELDS: Final = FieldReader(Activity)
NEW_FIELDS: Final = FieldReader(NewActivity)

_OTHERS: Final = {type_: [name for name, types in TYPES_WITH.items() if type_ not in types] for type_ in ActivityType}
READ_OTHERS: Final[Mapping[ActivityType, Callable[[Activity], tuple[Any, ...]]]] = {
    type_: attrgetter(*names) for type_, names in _OTHERS.items()
}
"""By type: reads the fields that only other types have."""

_UNSAID: Final = {field.name: field.default for field in fields(NewActivity)}
OTHERS_UNSAID: Final[Mapping[ActivityType, tuple[Any, ...]]] = {
    type_: tuple(_UNSAID[name] for name in names) for type_, names in _OTHERS.items()
}
"""What `READ_OTHERS` reads where they say nothing."""
