"""What a rule names, as the wall clock of its zone shows it. Pure; a walk costs what the years that it crosses cost.

dateutil says which days of one year the rule's filters let through: the calendar is its part. Asked for a whole series
it would look for the next day until the year 9999, three seconds for February 30, and it can't go on from where it
stopped. So periods and their intervals, places (BYSETPOS), times and bounds are walked here, a year at a time.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.rrule import YEARLY, rrule, weekday

from crm_activities.series.rules import MOST_OF_MONTH, Frequency, Rule

WEEK_DAYS: Final = 7
MONTHS: Final = 12
ONE_YEAR_ONLY: Final = 9999
"""An interval after which dateutil's calendar ends."""
WEEKS_OF_YEAR: Final = 53
MOST_PUT_FORWARD: Final = timedelta(days=1)
"""By as much as clocks were ever put forward at once."""


def to_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC: one in the spring gap moves by the gap, an ambiguous one is the first (RFC 5545)."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def to_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the zone's clocks show at an instant."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def show(walls: Iterable[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """Yield what clocks show for each wall time of a rule, once, in order.

    02:30 of the night in which clocks are put forward comes after 03:00, and with 03:30 it is one.
    """
    moved: deque[datetime] = deque()
    for wall in walls:
        shown = to_wall(to_moment(wall, zone), zone)
        if shown != wall:
            moved.append(shown)
            continue
        while moved and moved[0] <= wall:
            earlier = moved.popleft()
            if earlier < wall:
                yield earlier
        yield wall
    yield from moved


@dataclass(frozen=True)
class Calendar:
    """A rule and the start that fills in what it does not say."""

    rule: Rule
    start: datetime

    def walk(self, after: datetime, through: date) -> Iterator[datetime]:
        """Yield what the rule names later than `after`, of the start or later, to the end of the day `through`.

        In order. COUNT and UNTIL are the caller's: COUNT takes in a start that the rule does not name.
        """
        after = max(after, self.start - timedelta(microseconds=1))
        for wall in self._name(after.date(), through):
            if wall.date() > through:
                return
            if wall > after:
                yield wall

    def _name(self, first: date, last: date) -> Iterator[datetime]:
        # Whole weeks on either side, as places count within them.
        margin = timedelta(days=WEEK_DAYS)
        years = range(max((first - margin).year, self.start.year - 1), (last + margin).year + 1)
        days = (day for year in years for day in self._days_of(year))
        for number, period in groupby(days, self._period_of):
            if number >= 0 and number % self.rule.interval == 0:
                yield from self._choose(list(period))

    def _choose(self, days: list[date]) -> Iterator[datetime]:
        times = self._times
        if not self.rule.by_set_position:
            yield from (datetime.combine(day, at) for day in days for at in times)
            return
        most = len(days) * len(times)
        places = {place - 1 if place > 0 else most + place for place in self.rule.by_set_position}
        for place in sorted(place for place in places if 0 <= place < most):
            yield datetime.combine(days[place // len(times)], times[place % len(times)])

    def _days_of(self, year: int) -> list[date]:
        named = rrule(YEARLY, dtstart=datetime(year, 1, 1), interval=ONE_YEAR_ONLY, **self._filters)  # noqa: DTZ001 - a wall clock's
        return [moment.date() for moment in named]

    def _period_of(self, day: date) -> int:
        """Return the number of the period that a day is in; that of the start is 0."""
        start = self.start
        match self.rule.frequency:
            case Frequency.DAILY:
                return day.toordinal() - start.toordinal()
            case Frequency.WEEKLY:
                return self._week_of(day) - self._week_of(start)
            case Frequency.MONTHLY:
                return (day.year - start.year) * MONTHS + day.month - start.month
            case Frequency.YEARLY:
                return day.year - start.year

    def _week_of(self, day: date) -> int:
        return (day.toordinal() - 1 - self.rule.week_start) // WEEK_DAYS  # day 1 was a Monday

    @cached_property
    def _times(self) -> list[time]:
        rule, start = self.rule, self.start
        return [
            time(hour, minute, second, start.microsecond)
            for hour in rule.by_hour or (start.hour,)
            for minute in rule.by_minute or (start.minute,)
            for second in rule.by_second or (start.second,)
        ]

    @cached_property
    def _filters(self) -> dict[str, Any]:
        """Which days of a year the rule lets through, in dateutil's words."""
        rule, start = self.rule, self.start
        by_month, by_month_day, by_day = rule.by_month, rule.by_month_day, self._weekdays
        if not (rule.by_week_number or rule.by_year_day or by_month_day or by_day):
            match rule.frequency:
                case Frequency.DAILY:
                    by_month_day = tuple(range(1, 32))
                case Frequency.WEEKLY:
                    by_day = [weekday(start.weekday())]
                case Frequency.MONTHLY:
                    by_month_day = (start.day,)
                case Frequency.YEARLY:
                    by_month, by_month_day = by_month or (start.month,), (start.day,)
        if rule.frequency is Frequency.MONTHLY:
            by_month = by_month or tuple(range(1, MONTHS + 1))  # so that numbers count within the month
        filters = {
            "bymonth": by_month,
            "bymonthday": by_month_day,
            "byyearday": rule.by_year_day,
            "byweekno": rule.by_week_number,
            "byweekday": by_day,
        }
        return {"wkst": rule.week_start} | {name: values for name, values in filters.items() if values}

    @property
    def _weekdays(self) -> list[weekday]:
        """Return BYDAY; of MO beside 2TU dateutil would ask both of a day, so each Monday is the first, the second."""
        rule = self.rule
        if not any(day.n for day in rule.by_day):
            return [weekday(day.weekday) for day in rule.by_day]
        is_in_month = rule.frequency is Frequency.MONTHLY or bool(rule.by_month)
        numbers = range(1, (MOST_OF_MONTH if is_in_month else WEEKS_OF_YEAR) + 1)
        return [weekday(day.weekday, n) for day in rule.by_day for n in ((day.n,) if day.n else numbers)]
