"""Activities: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from crm_shared.refusals import Conflict, FieldProblem, Forbidden, InvalidField, NotFound


class ActivityNotFound(NotFound):
    """Absent, or out of the caller's sight."""

    def __init__(self) -> None:
        super().__init__("There is no such activity.")


class SystemNote(Conflict):
    """What the suite itself wrote stands as it is: nobody's role changes that, hence 409 and not 403."""

    slug, title = "system-note", "The note was written by the system"

    def __init__(self) -> None:
        super().__init__("A note of the system can't be changed or deleted.")


class ErasedActivity(Conflict):
    slug, title = "erased", "What the activity said was erased"

    def __init__(self) -> None:
        super().__init__("The activity's contact was erased, and with them its texts. It can be deleted, not changed.")


class NotYours(Forbidden):
    """Seen through its contact or deal, but done by somebody whose records the caller does not see."""

    def __init__(self) -> None:
        super().__init__("Only its user, their managers and an ADMIN may change or delete an activity.")


class ActivityType(StrEnum):
    EMAIL = "EMAIL"
    CALL = "CALL"
    MEETING = "MEETING"
    NOTE = "NOTE"
    TASK = "TASK"


class NothingToDo(Conflict):
    slug, title = "nothing-to-do", "Only tasks and meetings are completed and reopened"

    def __init__(self, type_: ActivityType) -> None:
        super().__init__(f"A {type_} is neither completed nor reopened.")


class Direction(StrEnum):
    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


# Fields that only some types have (api.md): any other type refuses them.
TYPES_WITH: Mapping[str, frozenset[ActivityType]] = {
    "direction": frozenset({ActivityType.EMAIL, ActivityType.CALL}),
    "duration_s": frozenset({ActivityType.CALL, ActivityType.MEETING}),
    "scheduled_at": frozenset({ActivityType.TASK, ActivityType.MEETING}),
    "completed_at": frozenset({ActivityType.TASK, ActivityType.MEETING}),
}


@dataclass(frozen=True, slots=True)
class Activity:
    """Something done or to be done. `user_id` is None only where the system wrote of what nobody did.

    `occurred_at` is its place in timelines; `system` marks what the suite itself wrote.
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


@dataclass(frozen=True, slots=True)
class ActivityLogged:
    activity: Activity
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityEdited:
    activity: Activity
    before: Activity
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityDeleted:
    activity: Activity
    before: Activity
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityErased:
    """`before` has what is to be told to nobody any more."""

    activity: Activity
    before: Activity
    at: datetime


ActivityEvent = ActivityLogged | ActivityEdited | ActivityDeleted | ActivityErased


@dataclass(frozen=True, slots=True)
class Decision:
    """The activity after the command and what there is to tell; no events means nothing changed."""

    activity: Activity
    events: tuple[ActivityEvent, ...]


@dataclass(frozen=True, slots=True)
class NewActivity:
    """What a caller says of an activity: references are checked, `occurred_at` None means now."""

    type: ActivityType
    contact_id: UUID | None
    deal_id: UUID | None
    user_id: UUID
    subject: str | None
    body: str | None
    scheduled_at: datetime | None
    completed_at: datetime | None
    occurred_at: datetime | None
    direction: Direction | None
    in_reply_to: UUID | None
    duration_s: int | None
    external_id: str | None
    original_contact_id: UUID | None = None


def log(activity_id: UUID, new: NewActivity, *, now: datetime) -> Decision:
    """Make an activity. Raises InvalidField for fields that its type has not."""
    activity = Activity(
        id=activity_id,
        version=1,
        type=new.type,
        contact_id=new.contact_id,
        original_contact_id=new.original_contact_id,
        deal_id=new.deal_id,
        user_id=new.user_id,
        subject=new.subject,
        body=new.body,
        scheduled_at=new.scheduled_at,
        completed_at=new.completed_at,
        occurred_at=new.occurred_at or now,
        direction=new.direction,
        in_reply_to=new.in_reply_to,
        duration_s=new.duration_s,
        external_id=new.external_id,
        system=False,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
    _require_fitting(activity)
    return Decision(activity, (ActivityLogged(activity, at=now),))


def edit(activity: Activity, changes: Mapping[str, Any], *, now: datetime) -> Decision:
    """Set the named fields; values that are as they were change nothing.

    Raises SystemNote, ErasedActivity, InvalidField.
    """
    _require_editable(activity)
    if activity.erased_at is not None:
        raise ErasedActivity
    effective = {name: value for name, value in changes.items() if getattr(activity, name) != value}
    if not effective:
        return Decision(activity, ())
    if effective.get("in_reply_to") == activity.id:
        raise InvalidField.at("/in_reply_to", "is the activity itself")
    if "contact_id" in effective:
        effective.setdefault("original_contact_id", None)  # given to this contact by somebody, not by a merge
    edited = replace(activity, **effective, version=activity.version + 1, updated_at=now)
    _require_fitting(edited)
    return Decision(edited, (ActivityEdited(edited, before=activity, at=now),))


def complete(activity: Activity, *, now: datetime) -> Decision:
    """End a task or meeting; one that has ended stays as it is. Raises NothingToDo, ErasedActivity."""
    _require_to_do(activity)
    if activity.completed_at is not None:
        return Decision(activity, ())
    return edit(activity, {"completed_at": now}, now=now)


def reopen(activity: Activity, *, now: datetime) -> Decision:
    """Take a task or meeting up again; an open one stays as it is. Raises NothingToDo, ErasedActivity."""
    _require_to_do(activity)
    return edit(activity, {"completed_at": None}, now=now)


def delete(activity: Activity, *, now: datetime) -> Decision:
    """Hide the activity. Raises SystemNote."""
    _require_editable(activity)
    deleted = replace(activity, version=activity.version + 1, updated_at=now, deleted_at=now)
    return Decision(deleted, (ActivityDeleted(deleted, before=activity, at=now),))


def erase(activity: Activity, *, now: datetime) -> ActivityErased:
    """Take out what people wrote of an erased contact. Who did what kind of thing when stays, for the reports."""
    erased = replace(
        activity,
        subject=None,
        body=None,
        external_id=None,
        version=activity.version + 1,
        updated_at=now,
        erased_at=now,
    )
    return ActivityErased(erased, before=activity, at=now)


def _require_editable(activity: Activity) -> None:
    if activity.system:
        raise SystemNote


def _require_to_do(activity: Activity) -> None:
    if activity.type not in TYPES_WITH["completed_at"]:
        raise NothingToDo(activity.type)


def _require_fitting(activity: Activity) -> None:
    """Hold each field against the activity's type. Raises InvalidField that names all that don't fit."""
    problems = [
        FieldProblem(f"/{name}", f"belongs to {' or '.join(sorted(types))}, not to {activity.type}")
        for name, types in TYPES_WITH.items()
        if getattr(activity, name) is not None and activity.type not in types
    ]
    if problems:
        raise InvalidField("; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems), errors=problems)
