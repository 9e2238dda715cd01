"""What was deleted by itself or done at starts of a series before, and what a rule makes nothing of for it. Pure.

Kept by the start at which it was, whether or not the rule of the day names that: it may be named again.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from crm_activities.series.instances import Occurrence

LONGEST_MONTH: Final = timedelta(days=31)


def day_of(name: str, zone: ZoneInfo) -> date:
    """Return the day of a recurrence id, of a whole day or of a moment, in the zone of the series."""
    named = datetime.fromisoformat(name)
    return named.astimezone(zone).date() if named.tzinfo else named.date()


def find_left_out(
    skipped: Collection[str], zone: ZoneInfo, list_starts: Callable[[date, date], Iterable[Occurrence]]
) -> Callable[[Occurrence], bool]:
    """Return whether a start is left out: it is skipped itself, or one of its day that is no start of the rule is.

    `list_starts` lists what the rule names from a day to before another; it is asked by the month, as each walk costs
    a year's calendar.
    """
    by_day: dict[date, set[str]] = {}
    for name in skipped:
        by_day.setdefault(day_of(name, zone), set()).add(name)

    @cache
    def list_names(first_day: date) -> frozenset[str]:
        next_month = (first_day + LONGEST_MONTH).replace(day=1)
        return frozenset(one.recurrence_id for one in list_starts(first_day, next_month))

    def is_left_out(one: Occurrence) -> bool:
        day = one.wall.date()
        there = by_day.get(day, set())
        return one.recurrence_id in there or (bool(there) and not there <= list_names(day.replace(day=1)))

    return is_left_out
