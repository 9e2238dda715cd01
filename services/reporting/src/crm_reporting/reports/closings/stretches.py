"""Days of a zone, cut into stretches that are added up apart, and where sums by days of UTC need facts. No I/O.

A sum of a day of UTC goes, whole, to the stretch that the day's noon lies in. What of that day belongs to another
stretch lies between a cut and the nearer end of the day: at these edges facts are read, and moved over.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final

from crm_reporting.months import next_month
from crm_reporting.reports.scope import Window
from crm_shared.local_days import end_of_day
from crm_shared.time_window import FIRST_DAY

ONE_DAY: Final = timedelta(days=1)
NOON: Final = timedelta(hours=12)
NOON_TIME: Final = time(12)


@dataclass(frozen=True, slots=True)
class Edge:
    """Facts to be read, closed from `begin` until before `end`. `is_of_rates`: of those that a rate converts alone."""

    begin: datetime
    end: datetime
    is_of_rates: bool


@dataclass(frozen=True)
class Stretches:
    """Stretch number n, from 1 on, begins with the day number n - 1; number 0 is what lies before all.

    `rate_days`: those of the days on which rates change and nothing else. `end`: where the last stretch is over; it
    goes on for ever without.
    """

    first_days: tuple[date, ...]
    time_zone: str
    rate_days: Collection[date] = ()
    end: datetime | None = None

    @cached_property
    def cuts(self) -> list[datetime]:
        """The instants at which a stretch begins, and the one at which the last is over."""
        begins = [end_of_day(day - ONE_DAY, self.time_zone) for day in self.first_days]
        return begins if self.end is None else [*begins, self.end]

    @cached_property
    def home_days(self) -> list[date]:
        """For each cut the first day of UTC whose noon is not before it: days are told apart without their noons."""
        cuts = [cut.astimezone(UTC) for cut in self.cuts]
        return [cut.date() if cut.time() <= NOON_TIME else cut.date() + ONE_DAY for cut in cuts]

    @cached_property
    def edges(self) -> list[Edge]:
        """What has to be read of the facts: none where the zone's days are UTC's."""
        of_rates = [day in self.rate_days for day in self.first_days]
        cuts = zip(self.cuts, [*of_rates, False][: len(self.cuts)], strict=True)
        found = [edge for cut, is_of_rates in cuts for edge in _find_edge(cut, is_of_rates=is_of_rates)]
        return list(dict.fromkeys(found))

    def first_day_of(self, number: int) -> date:
        """Return the first day of a stretch; of what lies before all, a day before it."""
        if number > 0:
            return self.first_days[number - 1]
        return self.first_days[0] - ONE_DAY if self.first_days else FIRST_DAY


def cut_window(window: Window, time_zone: str, *, by_month: bool, rate_days: Iterable[date]) -> Stretches:
    """Cut the window where rates change, and into its months."""
    begun = {window.first_day}
    month = next_month(window.first_day)
    while by_month and month <= window.last_day:
        begun.add(month)
        month = next_month(month)
    of_rates = {day for day in rate_days if window.first_day < day <= window.last_day} - begun
    return Stretches(tuple(sorted(begun | of_rates)), time_zone, of_rates, window.end)


def cut_at_rates(rate_days: Iterable[date], time_zone: str) -> Stretches:
    """Cut all time where rates change."""
    days = frozenset(rate_days)
    return Stretches(tuple(sorted(days)), time_zone, days)


def _find_edge(cut: datetime, *, is_of_rates: bool) -> Iterable[Edge]:
    midnight = datetime.combine(cut.astimezone(UTC).date(), time.min, UTC)
    if cut == midnight:
        return ()
    near_end = (midnight, cut) if cut <= midnight + NOON else (cut, midnight + ONE_DAY)
    return (Edge(*near_end, is_of_rates),)
