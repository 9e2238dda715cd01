"""Days as a time zone's clocks have them: of 23, 24 or 25 hours, begun twice, or left out. No I/O."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from crm_shared.time_window import FIRST_DAY, LAST_DAY

ONE_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
_SECOND: Final = timedelta(seconds=1)
_LEAPS_OVER_A_DAY: Final = timedelta(hours=12)
"""By how much a zone's offset grows that leaves a day out (it is a day); no summer time comes near it."""
_STEP: Final = timedelta(days=14)
"""No zone has kept an offset for less, between one that clocks went on to and one that they went back to."""


def day_at(instant: datetime, zone: str) -> date:
    """Return the day that calendars in `zone` show at the instant."""
    return instant.astimezone(ZoneInfo(zone)).date()


def day_of(instant: datetime, zone: str) -> date:
    """Return the day that the instant belongs to in `zone`, where each day is one stretch of time: see `end_of_day`.

    It is what calendars show, but for the minutes that they show a day before clocks go back into the one before it.
    """
    return day_at(instant, zone) - bisect_right(day_returns(zone), instant) % 2 * ONE_DAY


@lru_cache(maxsize=10_000)
def end_of_day(day: date, zone: str) -> datetime:
    """Return, in UTC, the first instant after the day, once it is over for good; a day left out ends with the former.

    Clocks may show midnight twice, or leave it out.
    """
    zone_info = ZoneInfo(zone)
    midnight = datetime.combine(day + ONE_DAY, time.min, zone_info)
    first, second = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    if second > first:  # shown twice; where clocks went back from just after it, the day went on
        return second if (second - _TICK).astimezone(zone_info).date() <= day else first
    return first if second == first else _find_change(second, first, zone_info)


def _find_change(before: datetime, after: datetime, zone_info: ZoneInfo) -> datetime:
    """Return the first instant of the other offset; it lies after `before`, and at `after` at the latest."""
    offset = before.astimezone(zone_info).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone_info).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


@cache
def day_returns(zone: str) -> tuple[datetime, ...]:
    """Return, two by two, from when until when clocks in `zone` showed a day before they went back into the former.

    As in Newfoundland, a minute long, until 2010. Of the years 1900 to 2200, in UTC; hardly any zone has such.
    """
    zone_info = ZoneInfo(zone)
    found: list[datetime] = []
    start, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (FIRST_DAY.year, LAST_DAY.year + 1))
    offset = start.astimezone(zone_info).utcoffset() or timedelta()
    while start < end:
        following = start + _STEP
        offset_before, offset = offset, following.astimezone(zone_info).utcoffset() or timedelta()
        if offset < offset_before:
            back = _find_change(start, following, zone_info)
            day = (back - _TICK).astimezone(zone_info).date()
            if back.astimezone(zone_info).date() < day:
                found += datetime.combine(day, time.min, zone_info).astimezone(UTC), back
        start = following
    return tuple(found)


@cache
def skipped_days(zone: str) -> tuple[date, ...]:
    """Return the days from 1900 to 2200 that no clock in `zone` has shown, such as Samoa's 2011-12-30."""
    zone_info = ZoneInfo(zone)
    starts = [datetime(year, 1, 1, tzinfo=UTC) for year in range(FIRST_DAY.year, LAST_DAY.year + 2)]
    offsets = [start.astimezone(zone_info).utcoffset() or timedelta() for start in starts]
    return tuple(
        day
        for start, before, after in zip(starts, offsets, offsets[1:], strict=False)
        if after - before > _LEAPS_OVER_A_DAY
        for day in (start.date() + number * ONE_DAY for number in range(-1, 367))
        if end_of_day(day, zone) == end_of_day(day - ONE_DAY, zone)
    )
