"""Activities: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from crm_activities.activities.activity import (
    FIELDS,
    NEW_FIELDS,
    OTHERS_UNSAID,
    READ_OTHERS,
    TO_DO_TYPES,
    TYPES_WITH,
    Activity,
    ActivityType,
    NewActivity,
)
from crm_activities.activities.contacts import list_given, place
from crm_shared.refusals import Conflict, FieldProblem, Forbidden, InvalidField, NotFound, ValueTaken
from crm_shared.retention import RESTORABLE_FOR


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


class NothingToDo(Conflict):
    slug, title = "nothing-to-do", "Only tasks and meetings are completed and reopened"

    def __init__(self, type_: ActivityType) -> None:
        super().__init__(f"A {type_} is neither completed nor reopened.")


class DuplicateExternalId(ValueTaken):
    """Another activity has the external id already."""

    slug, title, value = "duplicate-external-id", "The external id is taken", "external id"


MOST_ANSWERED = 1000
"""How far a chain of answers is followed when one is given another to answer."""


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
class ActivityRestored:
    activity: Activity
    before: Activity
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityReminded:
    """Its reminder's time has come."""

    activity: Activity
    before: Activity
    at: datetime


@dataclass(frozen=True, slots=True)
class ActivityErased:
    """`before` has what is to be told to nobody any more."""

    activity: Activity
    before: Activity
    at: datetime


ActivityEvent = ActivityLogged | ActivityEdited | ActivityDeleted | ActivityRestored | ActivityReminded | ActivityErased


@dataclass(frozen=True, slots=True)
class Decision:
    """The activity after the command and what there is to tell; no events means nothing changed."""

    activity: Activity
    events: tuple[ActivityEvent, ...]


def resolve(decision: Decision, activity: Activity) -> Decision:
    """Return the decision with fields added that only others' records tell."""
    if activity is decision.activity:
        return decision
    return Decision(activity, tuple(replace(event, activity=activity) for event in decision.events))


def log(
    activity_id: UUID, new: NewActivity, *, now: datetime, settled: Mapping[str, Any] = MappingProxyType({})
) -> Decision:
    """Make an activity; `settled` are fields that are known by now. Raises InvalidField for what its type has not."""
    activity = begin(activity_id, new, now=now, settled=settled)
    _require_fitting(activity)
    return Decision(activity, (ActivityLogged(activity, at=now),))


def begin(
    activity_id: UUID,
    new: NewActivity,
    *,
    now: datetime,
    system: bool = False,
    settled: Mapping[str, Any] = MappingProxyType({}),
) -> Activity:
    """Return the first version of an activity."""
    return Activity(
        **{**NEW_FIELDS.read(new), "occurred_at": new.occurred_at or now, **settled},
        id=activity_id,
        version=1,
        system=system,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )


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
    if "recurrence" in effective and "series_id" not in effective:
        raise InvalidField.at("/recurrence", "changes for all that follow alone: with ?scope=future")
    if "remind_at" in effective:
        effective["reminded_at"] = None  # a new reminder
    edited = FIELDS.replace(activity, **effective, version=activity.version + 1, updated_at=now)
    _require_fitting(edited)
    return Decision(edited, (ActivityEdited(edited, before=activity, at=now),))


def require_no_circle(activity_id: UUID, answered: Sequence[UUID]) -> None:
    """Refuse what would make an activity answer itself, at any distance.

    `answered`: the activity that it is to answer, what that answers, and so on, at most MOST_ANSWERED. Raises
    InvalidField.
    """
    if answered[:1] == [activity_id]:
        raise InvalidField.at("/in_reply_to", "is the activity itself")
    if activity_id in answered:
        raise InvalidField.at("/in_reply_to", "answers this activity, directly or through others")
    if len(answered) >= MOST_ANSWERED:
        raise InvalidField.at("/in_reply_to", f"stands at the end of {MOST_ANSWERED} answers or more")


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


def restore(activity: Activity, canonical: Mapping[UUID, UUID], *, now: datetime) -> ActivityRestored | None:
    """Bring a deleted activity back to whom it was given; None when it is there.

    `canonical`: where each of its `list_given` lives on. Raises ActivityNotFound once it is gone for good.
    """
    if activity.deleted_at is None:
        return None
    if now - activity.deleted_at > RESTORABLE_FOR:
        raise ActivityNotFound
    restored = replace(
        activity,
        **place(list_given(activity), canonical),
        deleted_at=None,
        version=activity.version + 1,
        updated_at=now,
    )
    return ActivityRestored(restored, before=activity, at=now)


def erase(activity: Activity, *, now: datetime) -> ActivityErased:
    """Take out what people wrote of an erased contact. Who did what kind of thing when stays, for the reports."""
    erased = replace(
        activity,
        subject=None,
        body=None,
        external_id=None,
        location=None,
        message_id=None,
        reference_ids=(),
        attachments=(),
        version=activity.version + 1,
        updated_at=now,
        erased_at=now,
    )
    return ActivityErased(erased, before=activity, at=now)


def _require_editable(activity: Activity) -> None:
    if activity.system:
        raise SystemNote


def _require_to_do(activity: Activity) -> None:
    if activity.type not in TO_DO_TYPES:
        raise NothingToDo(activity.type)


def _is_given(value: object) -> bool:
    """Return whether a field says anything. A duration of 0 does, though it is equal to False."""
    return value is not None and value is not False and value != ()


def _list_misplaced(activity: Activity) -> list[FieldProblem]:
    """Return the fields that belong to other types, and say something."""
    return [
        FieldProblem(f"/{name}", f"belongs to {' or '.join(sorted(types))}, not to {activity.type}")
        for name, types in TYPES_WITH.items()
        if activity.type not in types and _is_given(getattr(activity, name))
    ]


def _require_fitting(activity: Activity) -> None:
    """Hold each field against the activity's type. Raises InvalidField that names all that don't fit."""
    problems: list[FieldProblem] = []
    if READ_OTHERS[activity.type](activity) != OTHERS_UNSAID[activity.type]:
        problems += _list_misplaced(activity)
    if activity.scheduled_at is not None and activity.scheduled_on is not None:
        problems.append(FieldProblem("/scheduled_on", "is a day without a time, instead of scheduled_at"))
    has_start = activity.scheduled_at is not None or activity.scheduled_on is not None
    if activity.recurrence is not None and activity.type in TO_DO_TYPES and not has_start:
        problems.append(FieldProblem("/recurrence", "needs scheduled_at or scheduled_on"))
    elif activity.recurrence is not None and activity.series_id is None and activity.type in TO_DO_TYPES:
        problems.append(FieldProblem("/recurrence", "begins a series: in a request of its own"))
    if problems:
        raise InvalidField("; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems), errors=problems)
