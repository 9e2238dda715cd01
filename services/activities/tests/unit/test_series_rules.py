"""What a rule names: held against dateutil's own walk, in the clocks of many zones, and bounded where that is not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from dateutil.tz import gettz, resolve_imaginary
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from services.activities.tests.unit.rule_texts import ZONES, rule_texts, starts

from crm_activities.series.occurrences import Calendar, to_moment, to_wall
from crm_activities.series.rules import parse_rule, put_count
from crm_testing.examples import examples

EXAMPLES: Final = examples(50)
SPAN: Final = timedelta(days=800)


def walk(text: str, start: datetime, *, span: timedelta = SPAN) -> list[datetime]:
    return list(Calendar(parse_rule(text), start).walk(start - timedelta(microseconds=1), (start + span).date()))


def expand(text: str, start: datetime) -> Iterator[datetime]:
    """Return what dateutil names. Asked for one more than there is, it looks for that until the year 9999."""
    return iter(rrulestr(text, dtstart=start))


@settings(max_examples=EXAMPLES, deadline=None)
@given(text=rule_texts(), start=starts())
@example(text="FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU", start=datetime(2026, 1, 1, 9))  # noqa: DTZ001 - a wall clock's
@example(text="FREQ=MONTHLY;BYDAY=-1FR,1MO", start=datetime(2026, 1, 1, 9))  # noqa: DTZ001
@example(text="FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", start=datetime(2026, 1, 31, 9))  # noqa: DTZ001
@example(text="FREQ=MONTHLY;BYMONTHDAY=31", start=datetime(2026, 1, 31, 9))  # noqa: DTZ001
@example(text="FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", start=datetime(2027, 12, 29, 9))  # noqa: DTZ001
def test_a_rule_names_what_dateutil_says(text: str, start: datetime) -> None:
    named = walk(text, start)
    if "WEEKLY" in text and "BYSETPOS" in text:
        # dateutil counts places of the first week from the start on, RFC 5545 within the week.
        start = start - timedelta(days=start.weekday())
        assume("BYDAY" in text and "WKST" not in text)
        named = [one for one in named if one.date() >= (start + timedelta(days=7)).date()]
        second = (start + timedelta(days=7)).date()
        expected = dropwhile(lambda one: one.date() < second, expand(text, start))
        assert named == list(islice(expected, len(named)))
    else:
        assert named == list(islice(expand(text, start), len(named)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(text=rule_texts(), start=starts(), days=st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_a_walk_goes_on_from_anywhere(text: str, start: datetime, days: list[int]) -> None:
    calendar = Calendar(parse_rule(text), start)
    at, through = start - timedelta(microseconds=1), start.date()
    parts: list[datetime] = []
    for each in days:
        through += timedelta(days=each)
        parts += calendar.walk(parts[-1] if parts else at, through)
    assert parts == walk(text, start, span=timedelta(days=sum(days)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(start=starts(), zone=st.sampled_from(ZONES), interval=st.integers(1, 3))
def test_the_wall_clock_stays_across_every_change_of_the_clocks(start: datetime, zone: str, interval: int) -> None:
    """By dateutil's own zones: a time that is skipped is moved by the gap, one that comes twice is the first."""
    clocks, theirs = ZoneInfo(zone), gettz(zone)
    for wall in walk(f"FREQ=DAILY;INTERVAL={interval}", start, span=timedelta(days=400)):
        moment = to_moment(wall, clocks)
        assert moment == resolve_imaginary(wall.replace(tzinfo=theirs, fold=0)).astimezone(UTC)
        shown = to_wall(moment, clocks)
        assert shown == wall or shown > wall  # skipped ones are later on the clock, by the gap


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z"),  # skipped: 03:30 in summer
        ("2027-10-31T02:30:00", "Europe/Berlin", "2027-10-31T00:30:00Z"),  # twice: the first
        ("2028-03-12T02:15:00", "America/New_York", "2028-03-12T07:15:00Z"),
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:45:00Z"),  # a gap of half an hour
        ("2027-04-04T01:45:00", "Australia/Lord_Howe", "2027-04-03T14:45:00Z"),
        ("2027-06-01T09:00:00", "Asia/Kathmandu", "2027-06-01T03:15:00Z"),
    ],
)
def test_days_of_change(wall: str, zone: str, moment: str) -> None:
    assert to_moment(datetime.fromisoformat(wall), ZoneInfo(zone)) == datetime.fromisoformat(moment)


def test_a_weekday_beside_a_numbered_one_is_each_of_them() -> None:
    """Of both together dateutil lets nothing through."""
    start = datetime(2026, 12, 1, 9)  # noqa: DTZ001 - a wall clock's
    named = walk("FREQ=MONTHLY;BYDAY=MO,2TU", start, span=timedelta(days=30))
    assert [one.day for one in named] == [7, 8, 14, 21, 28]


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31;BYMONTH=6",
        "FREQ=YEARLY;BYYEARDAY=1;BYMONTH=7",
        "FREQ=DAILY;INTERVAL=999999",
    ],
)
def test_a_rule_that_names_nothing_is_walked_to_the_end_of_the_span_and_no_further(text: str) -> None:
    start = datetime(2026, 12, 1, 9)  # noqa: DTZ001 - a Tuesday
    assert walk(text, start) in ([], [start])


def test_fractions_of_a_second_stay() -> None:
    start = datetime(2026, 12, 1, 9, 0, 0, 250_000)  # noqa: DTZ001 - a wall clock's
    assert walk("FREQ=DAILY", start, span=timedelta(days=2)) == [start + timedelta(days=n) for n in range(3)]


def test_a_rule_keeps_its_other_parts_when_its_count_goes_on() -> None:
    assert put_count("FREQ=DAILY;COUNT=10;BYHOUR=9", 7) == "FREQ=DAILY;COUNT=7;BYHOUR=9"
