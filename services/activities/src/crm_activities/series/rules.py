"""Reads RRULE of RFC 5545, 3.3.10, strictly. Pure, and linear in the text's length.

Read by ourselves before any library sees it: what a library makes of a rule that it half understands is nobody's
promise. Refused beside what the RFC refuses: parts that it does not know (BYEASTER), SECONDLY, MINUTELY and HOURLY, a
leap second, and what could never name anything, such as the 30th Monday of a month.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final

from crm_shared.time_window import FIRST_DAY, LAST_DAY

MOST_CHARS: Final = 500
MOST_TIMES: Final = 100
"""In one day: no more instances than these are ever ahead."""
MOST_OF_MONTH: Final = 5
"""As many of one weekday as a month may have."""

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,3}", re.ASCII)
_COUNTING: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_WEEKDAY: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?", re.ASCII)


class Frequency(StrEnum):
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """`n` counts within the month or year, from its end if negative; 0 means each of them. Monday is 0."""

    weekday: int
    n: int


@dataclass(frozen=True, slots=True)
class Until:
    """The last moment: `at` is in UTC if `is_utc`, else as the wall clock shows it; a day alone lasts to its end."""

    at: datetime
    is_utc: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """Each `by_…` is empty where the rule does not name it."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: Until | None = None
    by_month: tuple[int, ...] = ()
    by_week_number: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[NthWeekday, ...] = ()
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_set_position: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def names_days(self) -> bool:
        """Return whether days are what the rule says, wherever the start lies; else they move with it."""
        return bool(self.by_day or self.by_month_day or self.by_year_day or self.by_week_number)

    @property
    def names_times(self) -> bool:
        return bool(self.by_hour or self.by_minute or self.by_second)


def parse_rule(text: str) -> Rule:
    """Read `FREQ=WEEKLY;BYDAY=MO`, in either case. Raises ValueError that says what is wrong."""
    if len(text) > MOST_CHARS:
        raise ValueError(f"is longer than {MOST_CHARS} characters")
    values: dict[str, Any] = {}
    for part in text.upper().split(";"):
        name, _, value = part.partition("=")
        if name not in _READERS:
            raise ValueError("takes parts such as FREQ=WEEKLY;BYDAY=MO, of those that RFC 5545 has for RRULE")
        field, read = _READERS[name]
        if field in values:
            raise ValueError(f"names {name} twice")
        try:
            values[field] = read(value)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    if "frequency" not in values:
        raise ValueError("lacks FREQ")
    rule = Rule(**values)
    for is_wrong, problem in _list_conflicts(rule):
        if is_wrong:
            raise ValueError(problem)
    return rule


def to_rule_text(text: str) -> str:
    """Return the rule as it is kept: in capitals. Raises ValueError as `parse_rule` does."""
    parse_rule(text)
    return text.upper()


def put_count(text: str, count: int) -> str:
    """Return the rule's text with another COUNT."""
    return ";".join(f"COUNT={count}" if part.startswith("COUNT=") else part for part in text.split(";"))


def drop_end(text: str) -> str:
    """Return the rule's text without COUNT and UNTIL."""
    return ";".join(part for part in text.split(";") if not part.startswith(("COUNT=", "UNTIL=")))


def _list_conflicts(rule: Rule) -> list[tuple[bool, str]]:
    """List what RFC 5545 forbids of parts together; each with whether it is so."""
    frequency, is_yearly = rule.frequency, rule.frequency is Frequency.YEARLY
    numbered = [day.n for day in rule.by_day if day.n]
    within_month = frequency is Frequency.MONTHLY or (is_yearly and bool(rule.by_month))
    times = max(len(rule.by_hour), 1) * max(len(rule.by_minute), 1) * max(len(rule.by_second), 1)
    others = (rule.by_month, rule.by_week_number, rule.by_year_day, rule.by_month_day, rule.by_day)
    return [
        (rule.count is not None and rule.until is not None, "has UNTIL and COUNT; one of them ends it"),
        (bool(rule.by_week_number) and not is_yearly, "BYWEEKNO goes with FREQ=YEARLY alone"),
        (bool(rule.by_year_day) and not is_yearly, "BYYEARDAY goes with FREQ=YEARLY alone"),
        (bool(rule.by_month_day) and frequency is Frequency.WEEKLY, "BYMONTHDAY does not go with FREQ=WEEKLY"),
        (
            bool(numbered) and frequency in (Frequency.DAILY, Frequency.WEEKLY),
            "BYDAY takes numbers, such as 2MO, with FREQ=MONTHLY and FREQ=YEARLY alone",
        ),
        (bool(numbered and rule.by_week_number), "BYDAY takes no numbers beside BYWEEKNO"),
        (
            within_month and any(abs(n) > MOST_OF_MONTH for n in numbered),
            f"BYDAY: no month has more than {MOST_OF_MONTH} of one weekday",
        ),
        (bool(rule.by_set_position) and not (any(others) or rule.names_times), "BYSETPOS chooses from another BY part"),
        (times > MOST_TIMES, f"names more than {MOST_TIMES} times of a day"),
    ]


def _read_frequency(value: str) -> Frequency:
    if value not in Frequency.__members__:
        raise ValueError("takes DAILY, WEEKLY, MONTHLY or YEARLY")
    return Frequency(value)


def _read_count(value: str) -> int:
    if not _COUNTING.fullmatch(value) or int(value) == 0:
        raise ValueError("takes a number of 1 to 999999")
    return int(value)


def _numbers(first: int, last: int, *, or_from_end: bool = False) -> Callable[[str], tuple[int, ...]]:
    """Make the reader of a list of numbers; `or_from_end` takes negative ones as well, and never 0."""

    def read(value: str) -> tuple[int, ...]:
        numbers = set()
        for each in value.split(","):
            is_number = _NUMBER.fullmatch(each) is not None and (or_from_end or each.isdigit())
            number = int(each) if is_number else last + 1
            if not first <= (abs(number) if or_from_end else number) <= last:
                raise ValueError(f"takes numbers of {first} to {last}" + (", or -1 and so on" if or_from_end else ""))
            numbers.add(number)
        return tuple(sorted(numbers))

    return read


def _read_days(value: str) -> tuple[NthWeekday, ...]:
    days = set()
    for each in value.split(","):
        found = _WEEKDAY.fullmatch(each)
        n = int(found[1] or 0) if found else 0
        if found is None or (found[1] and not 1 <= abs(n) <= 53):  # noqa: PLR2004 - weeks of a year
            raise ValueError("takes weekdays such as MO, 2TU or -1FR")
        days.add((WEEKDAYS.index(found[2]), n))
    return tuple(NthWeekday(*day) for day in sorted(days))


def _read_until(value: str) -> Until:
    found = _UNTIL.fullmatch(value)
    if found is None:
        raise ValueError("takes 20271231, 20271231T170000 or 20271231T170000Z")
    year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
    try:
        clock = time(hour, minute, second) if found[4] else time.max
        at = datetime.combine(date(year, month, day), clock)
    except ValueError:
        raise ValueError("is no moment that there is") from None
    # What lies further off is as good as the window's end, and can be brought to any time zone.
    first, last = datetime.combine(FIRST_DAY, time.min), datetime.combine(LAST_DAY, time.max)
    return Until(min(max(at, first), last), is_utc=found[7] == "Z")


def _read_week_start(value: str) -> int:
    if value not in WEEKDAYS:
        raise ValueError("takes a weekday such as MO")
    return WEEKDAYS.index(value)


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "FREQ": ("frequency", _read_frequency),
    "INTERVAL": ("interval", _read_count),
    "COUNT": ("count", _read_count),
    "UNTIL": ("until", _read_until),
    "BYMONTH": ("by_month", _numbers(1, 12)),
    "BYWEEKNO": ("by_week_number", _numbers(1, 53, or_from_end=True)),
    "BYYEARDAY": ("by_year_day", _numbers(1, 366, or_from_end=True)),
    "BYMONTHDAY": ("by_month_day", _numbers(1, 31, or_from_end=True)),
    "BYDAY": ("by_day", _read_days),
    "BYHOUR": ("by_hour", _numbers(0, 23)),
    "BYMINUTE": ("by_minute", _numbers(0, 59)),
    "BYSECOND": ("by_second", _numbers(0, 59)),
    "BYSETPOS": ("by_set_position", _numbers(1, 366, or_from_end=True)),
    "WKST": ("week_start", _read_week_start),
}
