"""What was deleted by itself or done at starts of a series before, and what a rule makes nothing of for it. Pure.

Kept by the start at which it was, whether or not the rule of the day names that: it may be named again.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from crm_activities.series.instances import Occurrence


def day_of(name: str, zone: ZoneInfo) -> date:
    """Return the day of a recurrence id, of a whole day or of a moment, in the zone of the series."""
    named = datetime.fromisoformat(name)
    return named.astimezone(zone).date() if named.tzinfo else named.date()


def find_left_out(
    skipped: Collection[str], zone: ZoneInfo, list_day: Callable[[date], Iterable[Occurrence]]
) -> Callable[[Occurrence], bool]:
    """Return whether a start is left out: it is skipped itself, or one of its day that is no start of the rule is.

    `list_day` lists what the rule names on a day; it is asked for few.
    """
    by_day: dict[date, set[str]] = {}
    for name in skipped:
        by_day.setdefault(day_of(name, zone), set()).add(name)

    @cache
    def is_whole_day_out(day: date) -> bool:
        return bool(by_day[day] - {one.recurrence_id for one in list_day(day)})

    def is_left_out(one: Occurrence) -> bool:
        there = by_day.get(one.wall.date(), set())
        return one.recurrence_id in there or (bool(there) and is_whole_day_out(one.wall.date()))

    return is_left_out
