"""What goes on of a series whose future is given to another one: which starts, and how far. No I/O, no clock."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from crm_activities.series.domain import Series
from crm_activities.series.editing import Following, move_skipped
from crm_activities.series.instances import read_start
from crm_activities.series.occurrences import to_wall
from crm_shared.time_window import LAST_DAY


@dataclass(frozen=True, slots=True)
class Rest:
    """What follows an instance: the starts at which living ones go on, and those at which nothing is made.

    `cut_off`: of the latter, those that went with all that follow. A rule that is given anew names them again.
    """

    going: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    cut_off: frozenset[str] = frozenset()


def find_rest(
    series: Series, deleted: Collection[str], later: Collection[Following], goes: Collection[Following], after: str
) -> Rest:
    """Return the rest of a series: at a later start nothing is made where what stands there was done, or deleted."""
    going = frozenset(one.recurrence_id for one in goes if one.recurrence_id is not None)
    stays = {one.recurrence_id for one in later if one.recurrence_id is not None} - going
    skipped = frozenset({*deleted, *stays, *(name for name in series.skipped if name > after)})
    return Rest(going, skipped, frozenset(name for name in deleted if _is_behind(series, name)) - stays)


def hand_on(held: Series, begun: Series, rest: Rest, first: str, *, is_going_on: bool) -> Series:
    """Return the series that takes over from another one, with its end and with what it is not to make.

    `first`: what its first instance was called there. `is_going_on`: by the same rule, and so no further.
    """
    if not is_going_on:
        return replace(begun, skipped=move_skipped(held, begun, rest.skipped - rest.cut_off, first))
    ends_before, closed = find_end(held, begun, rest, first)
    cut = replace(begun, ends_before=ends_before)
    return replace(cut, skipped=move_skipped(held, cut, rest.skipped | closed, first))


def find_end(held: Series, begun: Series, rest: Rest, first: str) -> tuple[datetime | None, frozenset[str]]:
    """Return where a series ends that goes on by the rule of one that was cut, and what else it is not to make.

    Behind the cut go on those alone that were restored: the others stay deleted, or are a later series' by now.
    """
    if held.ends_before is None:
        return None, frozenset()
    last = max({first, *rest.going}, key=lambda name: read_start(name, held.zone))
    if not _is_behind(held, last):
        return held.ends_before, frozenset()
    after = to_wall(read_start(first, held.zone), held.zone)
    through = to_wall(read_start(last, held.zone), held.zone).date()
    names = [
        one.recurrence_id
        for one in held.uncut.list_occurrences(after, through)
        if one.moment <= read_start(last, held.zone)
    ]
    closed = {name for name in names if name not in rest.going and _is_behind(held, name)}
    return _find_next(begun, len(names)), frozenset(closed)


def _is_behind(held: Series, name: str) -> bool:
    return held.ends_before is not None and read_start(name, held.zone) >= held.ends_before


def _find_next(begun: Series, number: int) -> datetime | None:
    """Return the start of the instance that follows so many behind the first; None where the rule has no more."""
    moments = [one.moment for one in islice(begun.list_occurrences(begun.start, LAST_DAY), number + 1)]
    return moments[number] if number < len(moments) else None
