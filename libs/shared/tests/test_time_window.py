"""The window of moments and days, as texts from anywhere meet it."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from crm_shared.time_window import (
    END,
    FIRST_DAY,
    FIRST_INSTANT,
    LAST_DAY,
    InstantOrDay,
    begin_of,
    end_of,
    is_day,
    parse_day,
    parse_instant,
    to_instant,
)

INSTANT_OR_DAY: TypeAdapter[datetime | date] = TypeAdapter(InstantOrDay)
OFFSETS = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS))
def test_an_instant_is_refused_or_is_the_same_moment_in_utc(instant: datetime) -> None:
    inside = FIRST_INSTANT <= instant < END
    try:
        read = parse_instant(instant.isoformat())
    except ValueError:
        assert not inside
    else:
        assert inside
        assert (read, read.tzinfo) == (instant, UTC)


@given(st.dates())
def test_a_day_is_refused_or_read_as_it_is(day: date) -> None:
    try:
        assert parse_day(day.isoformat()) == day
        assert FIRST_DAY <= day <= LAST_DAY
    except ValueError:
        assert not FIRST_DAY <= day <= LAST_DAY


@pytest.mark.parametrize(
    "instant",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        datetime(2026, 11, 22),  # noqa: DTZ001 - without a zone on purpose
    ],
)
def test_what_programs_send_for_not_set_and_never_is_no_instant(instant: datetime) -> None:
    with pytest.raises(ValueError, match=r"lies outside|needs a time zone"):
        to_instant(instant)


@pytest.mark.parametrize("text", ["2026-W10-1", "20261122", "2026-327", "2026-11-22T00:00:00Z"])
def test_a_day_is_written_in_one_way(text: str) -> None:
    with pytest.raises(ValueError, match="is no day"):
        parse_day(text)


@pytest.mark.parametrize("text", ["2026-W10-1T00:00:00Z", "20261122T100000Z", "2026-11-22T10:00:00", "1795319514"])
def test_a_time_is_rfc_3339_alone(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse_instant(text)


@pytest.mark.parametrize("text", ["2026-11-22t10:00:00z", "2026-11-22 11:00:00+01:00", "2026-11-22T10:00:00.000000Z"])
def test_a_time_is_read_as_bodies_read_it(text: str) -> None:
    assert parse_instant(text) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        ("UTC", datetime(2026, 3, 29, tzinfo=UTC), 24),
        ("Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Asia/Tokyo", datetime(2026, 3, 28, 15, tzinfo=UTC), 24),
    ],
)
def test_a_day_counts_whole_where_it_is_asked_of(zone: str, begin: datetime, hours: int) -> None:
    day = INSTANT_OR_DAY.validate_python("2026-03-29")

    assert is_day(day)
    assert begin_of(day, zone) == begin
    assert end_of(day, zone) == begin + timedelta(hours=hours) - timedelta(microseconds=1)


def test_an_instant_is_its_own_begin_and_end_in_any_zone() -> None:
    instant = INSTANT_OR_DAY.validate_python("2026-03-29T02:30:00+02:00")

    assert not is_day(instant)
    assert begin_of(instant, "Asia/Tokyo") == end_of(instant, "Asia/Tokyo") == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("day", [FIRST_DAY, LAST_DAY])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_first_and_the_last_day_have_a_begin_and_an_end_everywhere(day: date, zone: str) -> None:
    assert begin_of(day, zone) < end_of(day, zone)


@pytest.mark.parametrize(
    "text", ["1899-12-31", "2201-01-01", "2026-13-01", "20261122", "2026-11-22T10:00:00", "now", ""]
)
def test_what_is_neither_an_instant_nor_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match=r"takes an instant such as .* or a day such as|lies outside"):
        INSTANT_OR_DAY.validate_python(text)
