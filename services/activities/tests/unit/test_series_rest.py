"""What goes on of a series that was cut, of which some instances behind the cut came back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from crm_activities.activities import domain as activities
from crm_activities.activities.activity import ActivityType, NewActivity
from crm_activities.series.domain import Series, begin_series, plan
from crm_activities.series.editing import Following, go_on, place_first
from crm_activities.series.instances import read_start, write_moment
from crm_activities.series.rest import find_rest, hand_on
from crm_activities.series.rules import parse_rule
from crm_shared.clock import new_id
from crm_testing.examples import examples

EXAMPLES: Final = examples(50)
NOW: Final = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)  # clocks are put forward within the series
MOST: Final = 14


def begin(rrule: str, start: datetime) -> Series:
    recurrence = {"rrule": rrule, "time_zone": "Europe/Berlin"}
    new = NewActivity(type=ActivityType.TASK, user_id=new_id(), recurrence=recurrence, scheduled_at=start)
    return begin_series(activities.log(new_id(), place_first(new, UUID(int=7)), now=NOW).activity, now=NOW)


def make(series: Series) -> list[str]:
    return [one.recurrence_id for one in plan(series, now=NOW).occurrences]


def follow(names: Sequence[str]) -> list[Following]:
    return [Following(new_id(), name, None, None, 0) for name in names]


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    end=st.sampled_from([f";COUNT={MOST}", ";UNTIL=20260402T235959", ""]),
    cut=st.integers(1, MOST - 1),
    back=st.sets(st.integers(1, MOST - 1)),
    first=st.integers(1, MOST - 1),
    hours=st.sampled_from([0, 0, 5, 26, 75]),
)
def test_what_lives_goes_on_and_nothing_else(*, end: str, cut: int, back: set[int], first: int, hours: int) -> None:
    whole = begin("FREQ=DAILY" + end, NOW)
    names = [write_moment(NOW), *make(whole)][:MOST]
    numbers = {names[number]: number for number in range(MOST)}
    present = {number for number in range(MOST) if number < cut or number in back} | {first}
    held = replace(whole, ends_before=read_start(names[cut], whole.zone))
    deleted = [name for name, number in numbers.items() if number > first and number not in present]
    later = follow([name for name, number in numbers.items() if number > first and number in present])
    rest = find_rest(held, deleted, later, later, names[first])
    going_on = go_on(held.recurrence, held, names[first])
    assert parse_rule(going_on["rrule"]).count == (MOST - first if "COUNT" in end else None)
    start = read_start(names[first], held.zone) + timedelta(hours=hours)
    begun = hand_on(held, begin(going_on["rrule"], start), rest, names[first], is_going_on=True)
    kept = sorted(number - first for number in present if number > first)
    if hours and kept and first + kept[-1] < cut:
        return  # an earlier part that is put off ends where the later one begins, whatever that leaves of it
    counterparts = [write_moment(start), *make(begin(going_on["rrule"], start))]
    assert make(begun) == [counterparts[number] for number in kept if number < len(counterparts)]
