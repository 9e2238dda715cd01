"""A series goes on by the wall time of its rule, from an instance too that a change of the clocks moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_activities.activities import domain as activities
from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.series.domain import Series, begin_series, make_instance, plan
from crm_activities.series.editing import go_on, place_first
from crm_activities.series.instances import write_moment
from crm_activities.series.occurrences import to_moment
from crm_activities.series.wall_times import find_rule_start
from crm_shared.clock import new_id
from crm_testing.examples import examples

EXAMPLES: Final = examples(60)
GAPS: Final = {
    "Australia/Sydney": datetime(2026, 10, 4, 2, 30),  # noqa: DTZ001 - wall times
    "Europe/Berlin": datetime(2026, 3, 29, 2, 30),  # noqa: DTZ001
    "America/Santiago": datetime(2026, 9, 6, 0, 15),  # noqa: DTZ001
    "Australia/Lord_Howe": datetime(2026, 10, 4, 2, 10),  # noqa: DTZ001
    "America/Scoresbysund": datetime(2026, 3, 28, 23, 30),  # noqa: DTZ001 - shown on the next day
}
RULES: Final = [
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=2",
    "FREQ=WEEKLY",
    "FREQ=DAILY;BYHOUR=1,2,3,23",
    "FREQ=MONTHLY;BYDAY=SU",
]


def begin(rrule: str, zone: str, start: datetime) -> tuple[Series, list[Activity]]:
    """Return the series and its instances, the first one included."""
    new = NewActivity(
        type=ActivityType.TASK,
        user_id=new_id(),
        recurrence={"rrule": rrule, "time_zone": zone},
        scheduled_at=to_moment(start, ZoneInfo(zone)),
    )
    first = activities.log(new_id(), place_first(new, UUID(int=7)), now=start.replace(tzinfo=UTC)).activity
    return follow(begin_series(first, now=first.created_at), first)


def follow(series: Series, first: Activity) -> tuple[Series, list[Activity]]:
    now = series.created_at
    return series, [first, *(make_instance(series, one, {}, now=now) for one in plan(series, now=now).occurrences)]


def edit(held: Series, before: Activity, **changes: datetime) -> tuple[Series, list[Activity]]:
    """Edit an instance and all that follow."""
    assert before.recurrence_id is not None
    recurrence = go_on(held.recurrence, held, before.recurrence_id)
    edited = replace(before, recurrence=recurrence, series_id=UUID(int=8), **changes)  # type: ignore[arg-type]
    assert edited.scheduled_at is not None
    edited = replace(edited, recurrence_id=write_moment(edited.scheduled_at))
    start = find_rule_start(held, before, edited)
    return follow(begin_series(edited, now=held.created_at, start=start), edited)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    zone=st.sampled_from(sorted(GAPS)),
    rrule=st.sampled_from(RULES),
    steps_before=st.integers(0, 3),
    picks=st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
def test_an_edit_that_moves_nothing_leaves_every_start(
    *, zone: str, rrule: str, steps_before: int, picks: list[int]
) -> None:
    step = timedelta(days={"FREQ=DAILY": 1, "FREQ=DAILY;INTERVAL=2": 2}.get(rrule, 7))
    series, instances = begin(f"{rrule};COUNT=14", zone, GAPS[zone] - step * steps_before)
    for pick in picks:
        expected = [one.recurrence_id for one in instances[min(pick, len(instances) - 1) :]]
        series, instances = edit(series, instances[min(pick, len(instances) - 1)])
        assert [one.recurrence_id for one in instances] == expected


@pytest.mark.parametrize("zone", sorted(GAPS))
def test_a_start_that_is_moved_says_the_wall_time_itself(zone: str) -> None:
    gap = GAPS[zone]
    held, instances = begin("FREQ=DAILY;COUNT=5", zone, gap - timedelta(days=1))
    moved = to_moment(gap, ZoneInfo(zone)) + timedelta(hours=5)
    _, following = edit(held, instances[1], scheduled_at=moved)
    shown = moved.astimezone(ZoneInfo(zone)).time()
    starts = [one.scheduled_at.astimezone(ZoneInfo(zone)).time() for one in following if one.scheduled_at]
    assert starts == [shown] * 4
