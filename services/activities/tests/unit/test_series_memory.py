"""What was done or deleted by itself stays so, however the rule changes in between."""

from datetime import date, timedelta
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from services.activities.tests.unit.test_series_rest import BEFORE_THE_CUT, NOW, begin, follow, make

from crm_activities.series.domain import Series
from crm_activities.series.instances import read_start, write_moment
from crm_activities.series.occurrences import to_moment
from crm_activities.series.rest import find_rest, hand_on
from crm_testing.examples import examples

EXAMPLES: Final = examples(60)
MOST: Final = 40
RULES: Final = [
    "FREQ=DAILY",
    "FREQ=DAILY;COUNT=3",
    "FREQ=DAILY;COUNT=12",
    "FREQ=DAILY;UNTIL=20260323",
    "FREQ=DAILY;UNTIL=20260401T070000Z",
    "FREQ=DAILY;INTERVAL=2",
    "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=MO",
    "FREQ=MONTHLY;BYMONTHDAY=1,-1",
]


def day_of(name: str, series: Series) -> date:
    return read_start(name, series.zone).astimezone(series.zone).date()


def edit(held: Series, gone: list[str], rrule: str, *, first: str, hours: int, is_done: bool) -> Series:
    """Return what follows by a rule of its own; what is `gone` was done, or else deleted by itself."""
    present = [name for name in make(held) if name > first and (is_done or name not in gone)]
    later = follow(present)
    deleted = {} if is_done else {name: BEFORE_THE_CUT for name in gone if name > first}
    goes = [one for one in later if one.recurrence_id not in gone]
    rest = find_rest(held, deleted, later, goes, first)
    begun = begin(rrule, read_start(first, held.zone) + timedelta(hours=hours))
    return hand_on(held, begun, rest, first, is_going_on=False)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_day_that_is_done_or_deleted_stays_so_through_every_rule(data: st.DataObject) -> None:
    series, gone_days = begin("FREQ=DAILY", NOW), set[date]()
    for _ in range(data.draw(st.integers(2, 4))):
        made = make(series)[:MOST]
        gone = data.draw(st.lists(st.sampled_from(made), max_size=4, unique=True)) if made else []
        gone_days |= {day_of(name, series) for name in gone}
        firsts = [write_moment(to_moment(series.start, series.zone)), *(name for name in made[:2] if name not in gone)]
        series = edit(
            series,
            gone,
            data.draw(st.sampled_from(RULES)),
            first=data.draw(st.sampled_from(firsts)),
            hours=data.draw(st.sampled_from([0, 0, 2, -1])),
            is_done=data.draw(st.booleans()),
        )
        whole = make(begin(series.rrule, to_moment(series.start, series.zone)))
        assert make(series) == [name for name in whole if day_of(name, series) not in gone_days][: len(make(series))]
        assert len(make(series)) >= len(whole) - len(gone_days)


def test_of_several_times_a_day_the_one_that_was_deleted_stays_so() -> None:
    twice = begin("FREQ=DAILY;BYHOUR=9,17;COUNT=6", NOW)
    first, evening = write_moment(NOW), make(twice)[2]
    once = edit(twice, [evening], "FREQ=DAILY;COUNT=3", first=first, hours=0, is_done=False)
    assert len(make(once)) == 1  # its day
    again = edit(once, [], "FREQ=DAILY;BYHOUR=9,17;COUNT=6", first=first, hours=0, is_done=False)
    assert make(again) == [name for name in make(twice) if name != evening]


def test_a_first_that_is_put_off_and_comes_back_finds_what_was_deleted() -> None:
    held = begin("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU;COUNT=9", NOW)
    first, third = write_moment(NOW), make(held)[1]
    later = edit(held, [third], held.rrule, first=first, hours=24 * 5, is_done=False)
    start = write_moment(NOW + timedelta(days=5))
    back = edit(later, [], held.rrule, first=start, hours=-24 * 5, is_done=False)
    assert make(back) == [name for name in make(held) if name != third]
