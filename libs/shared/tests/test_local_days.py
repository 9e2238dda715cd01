"""Days as clocks show them, against a look at every minute."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_shared.local_days import ONE_DAY, day_at, day_of, day_returns, end_of_day, skipped_days
from crm_testing.examples import examples

MINUTE = timedelta(minutes=1)
EXAMPLES = examples(50)
ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Havana", "America/Santiago", "America/St_Johns", "Asia/Beirut"),
    *("Asia/Kathmandu", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "UTC"),
)


@cache
def look(day: date, zone: str) -> datetime:
    """Return the minute after the last one of which a calendar shows the day, or an earlier one."""
    minute = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=3)
    while minute.astimezone(ZoneInfo(zone)).date() > day:
        minute -= MINUTE
    return minute + MINUTE


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Havana", date(2026, 10, 31)),  # midnight is shown twice
        ("America/St_Johns", date(2006, 10, 28)),  # clocks go back from a minute past midnight, into the day that was
        ("America/Toronto", date(1919, 3, 30)),  # clocks go on from 23:30
        ("Asia/Beirut", date(2026, 3, 28)),  # there is no midnight
        ("Africa/Cairo", date(2026, 10, 29)),
        ("America/Santiago", date(2026, 4, 4)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
        ("Pacific/Apia", date(2011, 12, 29)),
        ("Pacific/Apia", date(2011, 12, 30)),  # was left out
        ("Pacific/Kiritimati", date(1994, 12, 31)),  # so was this
        ("Pacific/Kiritimati", date(2026, 7, 1)),
        ("Pacific/Kwajalein", date(1969, 9, 30)),  # lasted two days
        ("Pacific/Kwajalein", date(1993, 8, 20)),
        ("UTC", date(1900, 1, 1)),
        ("Pacific/Kiritimati", date(2200, 12, 31)),
        ("Europe/Berlin", date(2200, 12, 31)),
    ],
)
def test_a_day_is_over(zone: str, day: date) -> None:
    assert end_of_day(day, zone) == look(day, zone)


def test_seconds_of_local_mean_time() -> None:
    assert end_of_day(date(1900, 1, 1), "Europe/Amsterdam").astimezone(ZoneInfo("Europe/Amsterdam")).hour == 0
    assert end_of_day(date(1900, 1, 1), "Pacific/Kiritimati") == datetime(1900, 1, 2, 10, 29, 20, tzinfo=UTC)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1975, 1, 1), date(2037, 12, 31)))
def test_any_day_is_over_when_no_clock_shows_it_any_more(zone: str, day: date) -> None:
    assert end_of_day(day, zone) == look(day, zone)
    assert end_of_day(day - ONE_DAY, zone) <= end_of_day(day, zone)
    assert day_at(end_of_day(day, zone), zone) > day


def test_days_left_out() -> None:
    assert skipped_days("Pacific/Apia") == (date(2011, 12, 30),)
    assert skipped_days("Pacific/Kiritimati") == (date(1994, 12, 31),)
    assert skipped_days("Pacific/Kwajalein") == (date(1993, 8, 21),)
    assert skipped_days("Europe/Berlin") == skipped_days("Australia/Lord_Howe") == skipped_days("UTC") == ()


DAYS = st.dates(date(1940, 1, 1), date(2037, 12, 31))
RETURNING = ("America/St_Johns", "America/Goose_Bay", "America/Moncton", "America/Phoenix", "Antarctica/Casey")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from([*ZONES, *RETURNING]), DAYS, st.integers(0, 1439), st.data())
def test_an_instant_belongs_to_the_first_day_that_ends_after_it(
    zone: str, day: date, minutes: int, data: st.DataObject
) -> None:
    instants = [datetime(day.year, day.month, day.day, tzinfo=UTC) + minutes * MINUTE]
    if day_returns(zone):
        instants.append(data.draw(st.sampled_from(day_returns(zone))) + data.draw(st.integers(-90, 90)) * MINUTE / 3)
    for instant in instants:
        day = day_of(instant, zone)
        assert end_of_day(day - ONE_DAY, zone) <= instant < end_of_day(day, zone)


def test_when_a_day_was_shown_that_clocks_went_back_from() -> None:
    begun = datetime(1944, 1, 1, 6, tzinfo=UTC), datetime(1944, 10, 1, 6, tzinfo=UTC)
    assert day_returns("America/Phoenix") == tuple(at + after for at in begun for after in (0 * MINUTE, MINUTE))
    assert len(day_returns("America/St_Johns")) == 2 * 24  # the autumns of 1987 to 2010
    assert [at.hour for at in day_returns("Antarctica/Casey")] == [13, 15]
    assert day_returns("America/Havana") == day_returns("Europe/Berlin") == day_returns("UTC") == ()
