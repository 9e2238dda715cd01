"""What goes on of a series that was cut, of which some instances behind the cut came back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from crm_activities.series.rest import cut, find_rest, hand_on
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


CUT: Final = NOW + timedelta(hours=1)
BEFORE_THE_CUT: Final = NOW + timedelta(minutes=30)
AFTER_THE_CUT: Final = NOW + timedelta(hours=2)


@dataclass(frozen=True)
class Story:
    """Instances by their numbers: which were deleted by themselves, before the cut and after they had come back.

    `back` came back alone and lives. What lies behind `cut` and is in none of these went with it.
    """

    whole: Series
    names: Sequence[str]
    cut: int
    alone: set[int]
    back: set[int]
    alone_again: set[int]

    @property
    def held(self) -> Series:
        return cut(self.whole, self.deleted_before, self.names[self.cut], at=CUT)

    @property
    def deleted_before(self) -> dict[str, datetime]:
        return {self.names[number]: BEFORE_THE_CUT for number in self.alone if number >= self.cut}

    def deleted(self, first: int) -> dict[str, datetime]:
        behind = {self.names[number]: CUT for number in range(self.cut, MOST)} | self.deleted_before
        early = {self.names[number]: BEFORE_THE_CUT for number in self.alone}
        again = {self.names[number]: AFTER_THE_CUT for number in self.alone_again}
        everything = early | behind | again
        return {
            name: everything[name] for name in self.names[first + 1 :] if name in everything and self._is_gone(name)
        }

    def present(self, first: int) -> list[int]:
        return [number for number in range(first + 1, MOST) if self._is_present(number)]

    def _is_present(self, number: int) -> bool:
        if number in self.back:
            return True
        return number < self.cut and number not in self.alone | self.alone_again

    def _is_gone(self, name: str) -> bool:
        return not self._is_present(self.names.index(name))

    def take_over(self, begun: Series, first: int, *, is_going_on: bool) -> Series:
        later = follow([self.names[number] for number in self.present(first)])
        rest = find_rest(self.held, self.deleted(first), later, later, self.names[first])
        return hand_on(self.held, begun, rest, self.names[first], is_going_on=is_going_on)


@st.composite
def stories(draw: st.DrawFn, ends: Sequence[str]) -> Story:
    whole = begin("FREQ=DAILY" + draw(st.sampled_from(ends)), NOW)
    numbers = st.sets(st.integers(1, MOST - 1))
    alone, back, again = draw(numbers), draw(numbers), draw(numbers)
    names = [write_moment(NOW), *make(whole)][:MOST]
    return Story(whole, names, draw(st.integers(1, MOST - 1)), alone - back - again, back - again, again)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    story=stories([f";COUNT={MOST}", ";UNTIL=20260402T235959", ""]),
    first=st.integers(1, MOST - 1),
    hours=st.sampled_from([0, 0, -24, 5, 24, 26, 75]),
)
def test_what_lives_goes_on_and_nothing_else(*, story: Story, first: int, hours: int) -> None:
    story = replace(story, alone=set(), alone_again=set(), back=story.back | {first})
    held, names = story.held, story.names
    going_on = go_on(held.recurrence, held, names[first])
    assert parse_rule(going_on["rrule"]).count == (MOST - first if "COUNT" in held.rrule else None)
    start = read_start(names[first], held.zone) + timedelta(hours=hours)
    begun = story.take_over(begin(going_on["rrule"], start), first, is_going_on=True)
    counterparts = [write_moment(start), *make(begin(going_on["rrule"], start))]
    kept = [number - first for number in story.present(first)]
    assert make(begun) == [counterparts[number] for number in kept if number < len(counterparts)]
    # Edited once more it is the same: what a cut closed stays closed.
    again = replace(begin(begun.rrule, start), start=begun.start)
    later = follow(make(begun))
    rest = find_rest(begun, {}, later, later, write_moment(start))
    assert make(hand_on(begun, again, rest, write_moment(start), is_going_on=True)) == make(begun)
    # And by a rule of its own it is open.
    anew = hand_on(begun, begin("FREQ=DAILY;COUNT=9", start), rest, write_moment(start), is_going_on=False)
    assert make(anew) == make(begin("FREQ=DAILY;COUNT=9", start))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    story=stories([f";COUNT={MOST}", ""]),
    first=st.integers(1, MOST - 1),
    rrule=st.sampled_from(["FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", "FREQ=DAILY;BYHOUR=9,17", "FREQ=WEEKLY;BYDAY=MO,TH"]),
    hours=st.sampled_from([0, 3]),
    is_noted=st.booleans(),
)
def test_a_rule_of_its_own_makes_all_but_what_was_deleted_by_itself(
    *, story: Story, first: int, rrule: str, hours: int, is_noted: bool
) -> None:
    if not is_noted:  # cut before cuts were noted: behind it all is taken for its part
        story = replace(story, alone={one for one in story.alone if one < story.cut}, alone_again=set())
    held = story.held if is_noted else replace(story.held, cut_at=())
    start = read_start(story.names[first], held.zone) + timedelta(hours=hours)
    begun = begin(f"{rrule};COUNT=20", start)
    later = follow([story.names[number] for number in story.present(first)])
    rest = find_rest(held, story.deleted(first), later, later, story.names[first])
    made = make(hand_on(held, begun, rest, story.names[first], is_going_on=False))
    off = {read_start(story.names[number], held.zone).astimezone(held.zone).date()
           for number in (story.alone | story.alone_again) - story.back if number > first}  # fmt: skip
    days = {name: read_start(name, held.zone).astimezone(held.zone).date() for name in make(begun)}
    if "BYHOUR" in rrule:  # the same start where there is one, and so not the whole day
        gone = {story.names[number] for number in story.alone | story.alone_again if number > first}
        off -= {days[name] for name in days if name in gone}
        assert made == [name for name in days if days[name] not in off and name not in gone]
    else:
        assert made == [name for name in days if days[name] not in off]
