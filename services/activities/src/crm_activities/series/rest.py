"""What goes on of a series whose future is given to another one: which starts, and how far. No I/O, no clock."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from crm_activities.series.domain import Series, end_series
from crm_activities.series.editing import Following, move_skipped
from crm_activities.series.instances import read_start
from crm_activities.series.occurrences import to_moment, to_wall
from crm_shared.time_window import LAST_DAY

RESOLUTION: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rest:
    """What follows an instance: the starts at which living ones go on, and those at which nothing is to be made again.

    The latter by themselves: done, deleted, or given to others. What went with a cut is in neither.
    """

    going: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()


def find_rest(
    series: Series,
    deleted: Mapping[str, datetime],
    later: Collection[Following],
    goes: Collection[Following],
    after: str,
) -> Rest:
    """Return the rest of a series: at a later start nothing is made where what stands there was done, or deleted."""
    going = frozenset(one.recurrence_id for one in goes if one.recurrence_id is not None)
    stays = {one.recurrence_id for one in later if one.recurrence_id is not None} - going
    alone = deleted.keys() - _list_cut_off(series, deleted).keys()
    skipped = frozenset({*alone, *stays, *_list_remembered(series, after)})
    return Rest(going, skipped)


def _list_remembered(series: Series, after: str) -> list[str]:
    """List what is skipped behind an instance, and before the start: the first may have been put off, and come back."""
    start = to_moment(series.start, series.zone)
    return [name for name in series.skipped if name > after or read_start(name, series.zone) < start]


def cut(series: Series, deleted: Mapping[str, datetime], first: str, *, at: datetime) -> Series:
    """End a series before the instance `first`, from which on all that lives is deleted `at` this moment."""
    moments = {*series.cut_at, *_list_cut_off(series, deleted).values(), at}
    ended = end_series(series, before=read_start(first, series.zone))
    return replace(ended, cut_at=tuple(sorted(moments)))


def _list_cut_off(series: Series, deleted: Mapping[str, datetime]) -> dict[str, datetime]:
    """Return of what was deleted what went with all that follow; of a series cut before cuts were noted, all behind."""
    if series.cut_at:
        return {name: at for name, at in deleted.items() if at in series.cut_at}
    return {name: at for name, at in deleted.items() if _is_behind(series, name)}


def hand_on(held: Series, begun: Series, rest: Rest, first: str, *, is_going_on: bool) -> Series:
    """Return the series that takes over from another one, with its end and with what it is not to make.

    `first`: what its first instance was called there. `is_going_on`: by the same rule, and so no further.
    """
    if is_going_on:
        begun = close(held, begun, rest, first)
    return replace(begun, skipped=move_skipped(held, begun, rest.skipped, first))


def close(held: Series, begun: Series, rest: Rest, first: str) -> Series:
    """Return a series that goes on by the rule of one that was cut, with as many starts as were left there.

    Wherever they are moved, as with a COUNT. Behind the cut go on those alone that were restored: the others stay
    deleted, or are a later series' by now.
    """
    if held.ends_before is None and not held.closed:
        return begun
    left = _list_left(held, rest, first)
    gone = {
        number
        for number, one in enumerate(left)
        if one not in rest.going and (_is_behind(held, one) or one in held.closed)
    }
    moved = list(islice(begun.list_occurrences(begun.start, LAST_DAY), len(left) + 1))
    return replace(
        begun,
        # None where the rule names no more: it ends by itself.
        ends_before=None if held.ends_before is None or len(moved) <= len(left) else moved[len(left)].moment,
        closed=tuple(sorted(one.recurrence_id for number, one in enumerate(moved) if number in gone)),
    )


def _list_left(held: Series, rest: Rest, first: str) -> list[str]:
    """List the starts behind `first` to the cut, or to the last that is closed or lives behind it."""
    named = [read_start(name, held.zone) for name in (first, *rest.going, *held.closed)]
    last = max(named)
    ends = max(last + RESOLUTION, held.ends_before or last)
    after = to_wall(read_start(first, held.zone), held.zone)
    through = to_wall(ends, held.zone).date()
    return [one.recurrence_id for one in held.uncut.list_occurrences(after, through) if one.moment < ends]


def _is_behind(held: Series, name: str) -> bool:
    return held.ends_before is not None and read_start(name, held.zone) >= held.ends_before
