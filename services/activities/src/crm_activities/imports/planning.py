"""What other products say of an activity's time, and what ours has: of what is planned, of what was done. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from crm_activities.activities.activity import TO_DO_TYPES, TYPES_WITH, ActivityType
from crm_activities.imports.names import PLANNING, TEXT_COLUMNS
from crm_activities.imports.values import read_length
from crm_shared.features.imports.adapter import Warn
from crm_shared.features.imports.moments import place_moment
from crm_shared.features.imports.references import Found
from crm_shared.refusals import InvalidField

# What others have of every type; ours only has it where it says something.
_OPTIONAL: Final = ("duration_s", "location", "priority")
_INSTANTS: Final = ("occurred_at", "completed_at", "remind_at")
LEFT_OUT: Final = "left out where the type of activity has no such field"


def complete(values: dict[str, Any], found: Found, zone: str, present: Mapping[str, str] | None, warn: Warn) -> None:
    """Take apart what the columns of other products say together. Raises InvalidField."""
    _choose_type(values, found, present)
    planned: dict[str, Any] = {name: values.pop(name) for name in PLANNING if name in values}
    is_done = planned.get("status")
    kind = _plan(values, planned, _find_type(present))
    when = _join(planned)
    if when is not None:
        _place(values, when, kind)
    _part_start(values)
    for name in ("scheduled_at", *_INSTANTS):
        if isinstance(values.get(name), date):
            values[name] = _require_instant(name, values[name], zone)
    _measure(values, planned, zone)
    if is_done and kind in TO_DO_TYPES and "completed_at" not in values and not (present or {}).get("completed_at"):
        values["completed_at"] = _find_end(values, present or {}, zone, found.now)
    if present is None and "occurred_at" not in values and "completed_at" in values:
        values["occurred_at"] = values["completed_at"]
    _leave_out(values, kind, warn)


def _choose_type(values: dict[str, Any], found: Found, present: Mapping[str, str] | None) -> None:
    """Let the columns that name their type say it, where neither a column of types does nor the record itself."""
    texts = {name: values.pop(name) for name in TEXT_COLUMNS if name in values}
    for name, text in texts.items():
        values.setdefault(TEXT_COLUMNS[name].field, text)
    if "type" in values or _find_type(present) is not None:
        return
    types = {TEXT_COLUMNS[name].type for name in TEXT_COLUMNS if name in found.fields}
    if len(types) > 1:
        types = {TEXT_COLUMNS[name].type for name in texts}
    if len(types) == 1:
        values["type"] = next(iter(types))


def _plan(values: dict[str, Any], planned: Mapping[str, Any], before: ActivityType | None) -> ActivityType | None:
    """Return the type: of a call that is to be made a TASK, as it stays once the file says that it was made."""
    kind: ActivityType | None = values.get("type") or before
    if kind is None or "status" not in planned or kind in TO_DO_TYPES:
        return kind
    if before in TO_DO_TYPES:
        del values["type"]
        return before
    if not planned["status"]:
        values["type"] = ActivityType.TASK
        return ActivityType.TASK
    return kind


def _find_type(present: Mapping[str, str] | None) -> ActivityType | None:
    text = (present or {}).get("type")
    return None if text is None else ActivityType(text)


def _join(planned: Mapping[str, Any]) -> date | datetime | None:
    """Return the activity's date with the time that stands in a column beside it."""
    when: date | datetime | None = planned.get("date")
    clock = planned.get("due_time")
    if when is None or clock is None or isinstance(when, datetime):
        return when
    return datetime.combine(when, clock)


def _place(values: dict[str, Any], when: date | datetime, kind: ActivityType | None) -> None:
    """Let the date be when a task or a meeting is due, and when anything else has happened."""
    if kind not in TO_DO_TYPES:
        values.setdefault("occurred_at", when)
    elif "scheduled_at" not in values and "scheduled_on" not in values:
        values["scheduled_at"] = when


def _part_start(values: dict[str, Any]) -> None:
    """Keep a start that names no time as the day that it is."""
    start = values.get("scheduled_at")
    if start is not None and not isinstance(start, datetime):
        del values["scheduled_at"]
        values["scheduled_on"] = start


def _require_instant(name: str, moment: date, zone: str) -> datetime:
    try:
        return place_moment(moment, zone)
    except ValueError as error:
        raise InvalidField.at(f"/{name}", str(error)) from None


def _measure(values: dict[str, Any], planned: Mapping[str, Any], zone: str) -> None:
    """Let minutes, or the end of a meeting, say how long it takes."""
    if "duration_min" in planned:
        values.setdefault("duration_s", planned["duration_min"])
    start, end = values.get("scheduled_at"), planned.get("end")
    if start is None or not isinstance(end, datetime) or "duration_s" in values:
        return
    try:
        values["duration_s"] = read_length(start, _require_instant("end", end, zone))
    except ValueError as error:
        raise InvalidField.at("/end", str(error)) from None


def _find_end(values: Mapping[str, Any], present: Mapping[str, str], zone: str, now: datetime) -> datetime:
    """Return when what was done was done, as far as its due time says it: never in the future.

    That is the file's, else the record's own: a cell that says what is there says nothing.
    """
    due, day = values.get("scheduled_at"), values.get("scheduled_on")
    if due is None and day is None:
        due, day = present.get("scheduled_at"), present.get("scheduled_on")
        due = None if due is None else datetime.fromisoformat(due)
        day = None if day is None else date.fromisoformat(day)
    if due is None and day is not None:
        due = _require_instant("scheduled_on", day, zone)
    return min(due or values.get("occurred_at") or now, now)


def _leave_out(values: dict[str, Any], kind: ActivityType | None, warn: Warn) -> None:
    for name in _OPTIONAL:
        if kind is not None and name in values and kind not in TYPES_WITH[name] and values.pop(name):
            warn(name, LEFT_OUT)
