"""Which instances there are by now: whatever the steps in which the horizon moves, the same ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services.activities.tests.unit.rule_texts import ZONES, rule_texts

from crm_activities.activities import domain as activities
from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.series.domain import AHEAD, MOST_AHEAD, Series, begin_series, plan
from crm_activities.series.editing import Following, go_on, move_skipped, place_first, split
from crm_activities.series.instances import write_moment
from crm_shared.clock import new_id
from crm_shared.json_text import to_json
from crm_testing.examples import examples

EXAMPLES: Final = examples(50)
NOW: Final = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
SERIES_ID: Final = UUID(int=7)


def begin(rrule: str, zone: str = "UTC", start: datetime = NOW, *, is_whole_day: bool = False) -> Series:
    times = {"scheduled_on": start.date()} if is_whole_day else {"scheduled_at": start}
    new = NewActivity(type=ActivityType.TASK, user_id=new_id(), recurrence={"rrule": rrule, "time_zone": zone}, **times)
    return begin_series(log(new), now=NOW)


def log(new: NewActivity) -> Activity:
    return activities.log(new_id(), place_first(new, SERIES_ID), now=NOW).activity


def make(series: Series, now: datetime, most: int = 100) -> tuple[Series, list[str]]:
    """Return the series as it is when nothing more is due by now, and the names of what was made."""
    made: list[str] = []
    while series.due_at is not None and series.due_at <= now:
        planned = plan(series, now=now, most=most)
        made += [one.recurrence_id for one in planned.occurrences]
        series = planned.series
    return series, made


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    text=rule_texts(),
    zone=st.sampled_from(ZONES),
    steps=st.lists(st.integers(1, 40 * 24), min_size=1, max_size=6),
    end=st.sampled_from(["", ";COUNT=9", ";UNTIL=20270301T120000Z", ";UNTIL=20270215", ";UNTIL=20270215T083000"]),
    is_whole_day=st.booleans(),
    most=st.sampled_from([1, 7, 100]),
)
def test_steps_of_the_horizon_make_what_one_makes(
    *, text: str, zone: str, steps: list[int], end: str, is_whole_day: bool, most: int
) -> None:
    if is_whole_day:
        text = ";".join(part for part in text.split(";") if not part.startswith(("BYHOUR", "BYSETPOS")))
    series = begin(text + end, zone, is_whole_day=is_whole_day)
    at, parts, stepped = NOW, list[str](), series
    for hours in [0, *steps]:
        at += timedelta(hours=hours)
        stepped, made = make(stepped, at, most)
        parts += made
    _, whole = make(series, at)
    assert parts == whole == sorted(set(whole))
    if ";COUNT=9" in end:
        assert len(parts) <= 8  # the first is the record
    if not is_whole_day:
        assert all(datetime.fromisoformat(name) <= at + AHEAD for name in parts)
        assert sum(datetime.fromisoformat(name) > at for name in parts) <= MOST_AHEAD


@pytest.mark.parametrize(
    ("rrule", "zone", "last"),
    [
        ("FREQ=DAILY;UNTIL=20261203T080000Z", "Europe/Berlin", "2026-12-03T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261203T075959Z", "Europe/Berlin", "2026-12-02T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261203T090000", "Europe/Berlin", "2026-12-03T08:00:00Z"),  # wall time
        ("FREQ=DAILY;UNTIL=20261203T085959", "Europe/Berlin", "2026-12-02T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=20261203", "Europe/Berlin", "2026-12-03T08:00:00Z"),  # to that day's end
        ("FREQ=DAILY;COUNT=3", "Europe/Berlin", "2026-12-01T08:00:00Z"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z;INTERVAL=90", "Europe/Berlin", "2027-02-27T08:00:00Z"),
    ],
)
def test_a_rule_ends_where_it_says(rrule: str, zone: str, last: str) -> None:
    assert make(begin(rrule, zone), NOW)[1][-1] == last


def test_a_series_that_has_ended_is_never_due_and_keeps_no_words() -> None:
    series, _ = make(begin("FREQ=DAILY;COUNT=3"), NOW)
    assert (series.due_at, series.template, series.contact_ids, series.made) == (None, None, (), 3)


def test_a_series_is_due_when_the_next_instance_comes_into_sight() -> None:
    weekly, _ = make(begin("FREQ=WEEKLY"), NOW)
    assert weekly.due_at == NOW + timedelta(days=7 * 13) - AHEAD
    leap_days, made = make(begin("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), NOW)
    assert made == []
    at, visits = NOW, 0
    while not made:
        assert leap_days.due_at is not None
        assert leap_days.due_at > at
        at, visits = leap_days.due_at, visits + 1
        leap_days, made = make(leap_days, at)
    assert made == ["2028-02-29T08:00:00Z"]
    assert visits <= 3


def test_what_is_skipped_counts_and_is_not_made() -> None:
    series = replace(begin("FREQ=DAILY;COUNT=5"), skipped=("2026-12-01T08:00:00Z",))
    names = [f"{day}T08:00:00Z" for day in ("2026-11-30", "2026-12-02", "2026-12-03")]
    assert make(series, NOW)[1] == names


@pytest.mark.parametrize(
    ("rrule", "start", "skipped"),
    [
        ("FREQ=DAILY", NOW, ["2026-12-01T08:00:00Z", "2026-12-03T08:00:00Z"]),
        ("FREQ=DAILY", NOW + timedelta(hours=-2), ["2026-12-01T06:00:00Z", "2026-12-03T06:00:00Z"]),
        ("FREQ=DAILY", NOW + timedelta(days=1), ["2026-12-01T08:00:00Z", "2026-12-03T08:00:00Z"]),
        ("FREQ=DAILY", NOW + timedelta(days=1, hours=1), ["2026-12-02T09:00:00Z", "2026-12-04T09:00:00Z"]),
        ("FREQ=DAILY;COUNT=9", NOW + timedelta(days=400), ["2028-01-05T08:00:00Z", "2028-01-07T08:00:00Z"]),
        ("FREQ=DAILY;INTERVAL=2", NOW + timedelta(hours=1), ["2026-12-01T09:00:00Z", "2026-12-03T09:00:00Z"]),
        ("FREQ=DAILY;INTERVAL=3", NOW, []),
        ("FREQ=DAILY;BYHOUR=8,9", NOW, ["2026-12-01T08:00:00Z", "2026-12-03T08:00:00Z"]),
    ],
)
def test_what_is_skipped_moves_with_the_series(rrule: str, start: datetime, skipped: list[str]) -> None:
    held = begin("FREQ=DAILY")
    names = {"2026-12-01T08:00:00Z", "2026-12-03T08:00:00Z"}
    begun = begin(rrule, start=start)
    going_on = replace(begun, skipped=move_skipped(held, begun, names, write_moment(NOW)))
    made, whole = (make(one, max(start, NOW))[1] for one in (going_on, begun))
    assert [name for name in whole if name not in made] == skipped


def test_what_follows_is_taken_in_parts_that_are_small() -> None:
    sizes = [1, 2, 3, 90, 10, 1, 200, 1, *[0] * 7]
    following = [Following(UUID(int=number), None, None, None, size) for number, size in enumerate(sizes)]
    parts = [[one.int for one in part] for part in split(following, most=5, most_bytes=100)]
    assert parts == [[0, 1, 2, 3], [4, 5], [6], [7, 8, 9, 10, 11], [12, 13, 14]]
    assert list(split([], most=5, most_bytes=100)) == []


def test_a_count_goes_on_from_each_instance() -> None:
    series = begin("FREQ=DAILY;COUNT=5")
    names = [series.start.isoformat() + "Z", *make(series, NOW)[1]]
    left = [go_on(series.recurrence, series, name)["rrule"] for name in names]
    assert left == [f"FREQ=DAILY;COUNT={number}" for number in (5, 4, 3, 2, 1)]


def test_two_times_that_fall_together_in_the_gap_are_one() -> None:
    series = begin("FREQ=DAILY;BYHOUR=2,3;COUNT=5", "Europe/Berlin", datetime(2027, 3, 27, 1, 30, tzinfo=UTC))
    later = datetime(2027, 3, 1, tzinfo=UTC)
    assert make(series, later)[1] == [f"2027-03-{moment}:30:00Z" for moment in ("27T02", "28T01", "29T00", "29T01")]


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_what_the_gap_moves_is_put_in_order_and_counted_once(most: int) -> None:
    rrule = "FREQ=DAILY;COUNT=12;BYHOUR=2,3;BYMINUTE=0,30"
    series = begin(rrule, "Europe/Berlin", datetime(2027, 3, 27, 1, 0, tzinfo=UTC))
    series, made = make(series, datetime(2027, 3, 1, tzinfo=UTC), most)
    saturday = [f"2027-03-27T{at}:00Z" for at in ("01:30", "02:00", "02:30")]
    sunday = [f"2027-03-28T{at}:00Z" for at in ("01:00", "01:30")]
    later = [f"2027-03-{day}T{at}:00Z" for day in (29, 30) for at in ("00:00", "00:30", "01:00", "01:30")][:6]
    assert made == [*saturday, *sunday, *later]
    assert series.made == 12
    assert [series.number_of(name) for name in made] == list(range(2, 13))


def test_what_the_gap_moves_past_another_time_comes_after_it() -> None:
    rrule = "FREQ=DAILY;COUNT=5;BYHOUR=2,3;BYMINUTE=15,45;BYSETPOS=2,3"  # 02:45, 03:15
    _, made = make(
        begin(rrule, "Europe/Berlin", datetime(2027, 3, 27, 1, 45, tzinfo=UTC)), datetime(2027, 3, 1, tzinfo=UTC), 1
    )
    assert made == [f"2027-03-{at}:00Z" for at in ("27T02:15", "28T01:15", "28T01:45", "29T00:45")]


@pytest.mark.parametrize("days", [400, 457, 600, 3000])
def test_a_start_that_lies_far_ahead_is_the_first_alone(days: int) -> None:
    start = NOW + timedelta(days=days)
    series = begin("FREQ=DAILY;COUNT=3", start=start)
    at, made = NOW, list[str]()
    while series.due_at is not None:
        at = max(at, series.due_at)
        series, names = make(series, at)
        made += names
    assert made == [write_moment(start + timedelta(days=number)) for number in (1, 2)]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_a_moment_is_written_as_the_api_writes_it(moment: datetime) -> None:
    assert write_moment(moment) == to_json(moment).decode().strip('"')
