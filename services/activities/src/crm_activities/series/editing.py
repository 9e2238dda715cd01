"""What an edit makes of a series: of this instance, or of it and all that follow. No I/O, no clock."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from crm_activities.activities.activity import Activity, NewActivity
from crm_activities.series.domain import LOOK_FURTHER, MOST_AHEAD, MOST_BEFORE_NOW, Series
from crm_activities.series.instances import name_start, read_start
from crm_activities.series.left_out import day_of
from crm_activities.series.occurrences import to_wall
from crm_activities.series.rules import parse_rule, put_count
from crm_shared.local_days import ONE_DAY
from crm_shared.time_window import LAST_DAY

NO_SERIES: Final[Mapping[str, Any]] = {"recurrence": None, "series_id": None, "recurrence_id": None}

MOST_SKIPPED: Final = MOST_BEFORE_NOW + MOST_AHEAD
"""As many as a series makes at once; of more the earliest are forgotten."""


class Scope(StrEnum):
    """What a change of an instance is for: this one, or this and all that follow."""

    THIS = "this"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Following:
    """What is asked of an instance that follows an edited one; `size_bytes` of its long texts."""

    id: UUID
    recurrence_id: str | None
    user_id: UUID | None
    completed_at: datetime | None
    size_bytes: int


def split(following: Collection[Following], *, most: int, most_bytes: int) -> Iterator[list[UUID]]:
    """Yield their ids in parts of at most so many, and of at most so many bytes or of one alone."""
    part, size_bytes = list[UUID](), 0
    for one in following:
        if part and (len(part) == most or size_bytes + one.size_bytes > most_bytes):
            yield part
            part, size_bytes = [], 0
        part.append(one.id)
        size_bytes += one.size_bytes
    if part:
        yield part


def place_first(new: NewActivity, series_id: UUID) -> NewActivity:
    """Return what is to be logged as the first instance of a series, where it names a rule."""
    if new.recurrence is None:
        return new
    return replace(new, series_id=series_id, recurrence_id=name_start(new))


def place_edit(
    activity: Activity, changes: Mapping[str, Any], scope: Scope, series: Series | None, *, series_id: UUID
) -> dict[str, Any]:
    """Return the changes with those of the rule: for all that follow the activity begins the series `series_id`.

    `series` is the one that it is an instance of.
    """
    effective = {name: value for name, value in changes.items() if getattr(activity, name) != value}
    if scope is Scope.THIS:
        return dict(changes)
    recurrence, is_ruled_anew = changes.get("recurrence", activity.recurrence), gives_rule(activity, changes, series)
    if not (effective or is_ruled_anew) or recurrence is None:
        return {**changes, **(NO_SERIES if effective else {})}
    if not is_ruled_anew and series is not None and activity.recurrence_id is not None:
        recurrence = go_on(recurrence, series, activity.recurrence_id)
    named = name_start(replace(activity, **effective))
    return {**changes, "recurrence": recurrence, "series_id": series_id, "recurrence_id": named}


def gives_rule(activity: Activity, changes: Mapping[str, Any], series: Series | None) -> bool:
    """Return whether an edit gives a rule of its own: another one, or that of a series that was cut and nothing else.

    Forms send a rule back beside what was changed: that makes nothing whole that was cut.
    """
    if "recurrence" not in changes:
        return False
    changed = [name for name, value in changes.items() if getattr(activity, name) != value]
    is_cut = series is not None and (series.ends_before is not None or bool(series.closed))
    return "recurrence" in changed or (not changed and is_cut and activity.recurrence is not None)


def go_on(recurrence: Mapping[str, Any], series: Series, recurrence_id: str) -> Mapping[str, Any]:
    """Return the rule for a series that begins with this instance of another one: COUNT goes on."""
    count = parse_rule(recurrence["rrule"]).count
    if count is None:
        return recurrence
    left = max(count - series.number_of(recurrence_id) + 1, 1)
    return {**recurrence, "rrule": put_count(recurrence["rrule"], left)}


def move_skipped(held: Series, begun: Series, skipped: Collection[str], first: str) -> tuple[str, ...]:
    """Return what a new series skips for what the one skipped that it goes on from: the last MOST_SKIPPED.

    `first`: what its first instance was called there. The same starts, named by the new rule or not; but where all
    move along with the first (the same rule, whose days follow from the start), those of the same number.
    """
    moved = set(skipped)
    if moved and _is_same_rule(held, begun) and not parse_rule(held.rrule).names_days:
        moved = _move_along(held.endless, begun.endless, moved, first)
    return tuple(sorted(moved)[-MOST_SKIPPED:])


def _move_along(held: Series, begun: Series, skipped: set[str], first: str) -> set[str]:
    last = min(max(day_of(name, begun.zone) for name in skipped), LAST_DAY)
    present = {one.recurrence_id for one in begun.list_occurrences(begun.start, last)}
    left = skipped - present
    if not left:
        return skipped
    after = to_wall(read_start(first, held.zone), held.zone)
    names = [one.recurrence_id for one in held.list_occurrences(after, min(last + ONE_DAY, LAST_DAY))]
    through = min(max(last, begun.start.date()) + LOOK_FURTHER, LAST_DAY)
    counterparts = zip(names, begun.list_occurrences(begun.start, through), strict=False)
    moved = {name: one.recurrence_id for name, one in counterparts if name in left}
    return {moved.get(name, name) for name in skipped}


def _is_same_rule(held: Series, begun: Series) -> bool:
    """Return whether both name the same in the same zone, wherever each begins and ends."""
    rules = [replace(parse_rule(one.rrule), count=None, until=None) for one in (held, begun)]
    return held.time_zone == begun.time_zone and rules[0] == rules[1]
