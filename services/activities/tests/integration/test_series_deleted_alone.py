"""A day that was deleted by itself stays deleted, wherever its series was cut, and whatever goes on there."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from services.activities.tests.integration.series_stories import BERLIN, SeriesStory, in_days, starts_of

from crm_activities.series.rules import WEEKDAYS
from crm_activities.settings import ActivitiesSettings
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
MONTH = 30
TENTH = in_days(10)[:10].replace("-", "")
OWN_RULE = {"recurrence": {"rrule": "FREQ=DAILY;COUNT=9", "time_zone": "UTC"}}
EDITS: list[dict[str, Any]] = [
    OWN_RULE,
    {"recurrence": {"rrule": "FREQ=DAILY;INTERVAL=1;COUNT=9", "time_zone": "UTC"}},
    {"recurrence": {"rrule": "FREQ=DAILY;COUNT=9", "time_zone": BERLIN}},
    {**OWN_RULE, "scheduled_at": in_days(2, hours=1)},
]


@pytest.fixture
def story(service: Kit, rep: httpx.AsyncClient) -> SeriesStory:
    return SeriesStory.of(service, rep)


def days_of(instances: list[dict[str, Any]]) -> list[int]:
    """Return on which days from now they are, give or take an hour."""
    names = {in_days(day, hours=hours): day for day in range(1, 20) for hours in (-1, 0, 1)}
    return [names[start] for start in starts_of(instances)]


@pytest.mark.parametrize("edit", EDITS, ids=["count", "text", "zone", "time"])
async def test_a_day_deleted_before_the_cut_stays_deleted_by_a_rule_of_its_own(
    story: SeriesStory, edit: dict[str, Any]
) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[6])
    await story.delete(before[4], "future")
    edited = await story.edit(before[1], "future", **edit)
    await story.make(days_later=MONTH)
    assert days_of(await story.read(edited["series_id"])) == [2, 3, 4, 5, 6, 8, 9, 10]


async def test_a_day_deleted_before_an_edit_cut_the_series_stays_deleted(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[6])
    later = await story.edit(before[4], "future", subject="Later")
    edited = await story.edit(before[1], "future", **OWN_RULE)
    await story.make(days_later=MONTH)
    assert days_of(await story.read(edited["series_id"])) == [2, 3, 4, 5, 6, 8, 9, 10]
    assert days_of(await story.read(later["series_id"])) == [5, 6, 8, 9, 10]
    again = await story.edit(later, "future", recurrence={"rrule": "FREQ=DAILY;COUNT=4", "time_zone": "UTC"})
    await story.make()
    assert days_of(await story.read(again["series_id"])) == [5, 6, 8]


async def test_what_came_back_and_was_deleted_by_itself_stays_deleted(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[4], "future")
    await story.act(before[6], "restore")
    await story.delete(before[6])
    done = await story.act(await story.act(before[7], "restore"), "complete")
    await story.delete(await story.act(done, "reopen"))
    edited = await story.edit(before[1], "future", **OWN_RULE)
    await story.make(days_later=MONTH)
    assert days_of(await story.read(edited["series_id"])) == [2, 3, 4, 5, 6, 9, 10]


async def test_what_came_back_and_went_with_all_that_follow_is_made_again(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[6])
    await story.delete(before[5], "future")
    await story.act(before[6], "restore")
    await story.delete(before[3], "future")
    edited = await story.edit(before[1], "future", **OWN_RULE)
    await story.make(days_later=MONTH)
    assert days_of(await story.read(edited["series_id"])) == [2, 3, 4, 5, 6, 7, 8, 9, 10]


async def test_cut_twice_a_day_stays_deleted_and_the_rest_comes_back(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[8])
    await story.delete(before[7], "future")
    await story.delete(before[5])
    await story.delete(before[4], "future")
    edited = await story.edit(before[1], "future", **OWN_RULE)
    await story.make(days_later=MONTH)
    assert days_of(await story.read(edited["series_id"])) == [2, 3, 4, 5, 7, 8, 10]


async def test_what_a_cut_closed_to_what_goes_on_is_open_to_a_rule_of_its_own(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[6])
    await story.delete(before[4], "future")
    for number in (5, 8):
        await story.act(before[number], "restore")
    going_on = await story.edit(before[5], "future", subject="F")
    await story.make()
    assert days_of(await story.read(going_on["series_id"])) == [6, 9]
    still = await story.edit(going_on, "future", subject="G")
    await story.make()
    assert days_of(await story.read(still["series_id"])) == [6, 9]
    edited = await story.edit(still, "future", recurrence={"rrule": "FREQ=DAILY;COUNT=6", "time_zone": "UTC"})
    await story.make(days_later=MONTH)
    assert days_of(await story.read(edited["series_id"])) == [6, 8, 9, 10, 11]


@pytest.mark.parametrize(("days", "left"), [(-1, [3, 4, 6]), (1, [5, 7, 8]), (3, [7, 9, 10])])
async def test_as_many_go_on_before_a_cut_wherever_they_are_moved(
    story: SeriesStory, *, days: int, left: list[int]
) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=12")
    await story.delete(before[4])
    later = await story.edit(before[7], "future", subject="Later")
    moved = await story.edit(before[3], "future", scheduled_at=in_days(4 + days))
    await story.make(days_later=MONTH)
    assert days_of(await story.read(moved["series_id"])) == left
    assert days_of(await story.read(later["series_id"])) == [8, 9, 10, 11, 12]


@pytest.mark.parametrize("days", [2, 5])
async def test_a_day_deleted_alone_stays_deleted_however_far_all_that_follow_are_put_off(
    story: SeriesStory, *, days: int
) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=7")
    await story.delete(before[2])
    moved = await story.edit(before[1], "future", scheduled_at=in_days(2 + days))
    await story.make(days_later=MONTH)
    assert days_of(await story.read(moved["series_id"])) == [day + days for day in (2, 4, 5, 6, 7)]


async def test_weekdays_stay_deleted_when_the_first_is_brought_forward(story: SeriesStory) -> None:
    weekday = WEEKDAYS[datetime.fromisoformat(in_days(7)).weekday()]
    before = await story.begin(f"FREQ=WEEKLY;BYDAY={weekday};COUNT=4", scheduled_at=in_days(7))
    await story.delete(before[2])
    moved = await story.edit(before[1], "future", scheduled_at=in_days(13, hours=1))
    await story.make(days_later=MONTH)
    starts = [in_days(day, hours=1) for day in (13, 14)]  # COUNT=3, of which the last was deleted
    assert starts_of(await story.read(moved["series_id"])) == starts


async def test_an_earlier_hour_makes_nothing_on_the_first_day_of_a_later_series(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=8", scheduled_at=in_days(1, hours=1))
    await story.edit(before[5], "future", subject="Later")
    moved = await story.edit(before[2], "future", scheduled_at=in_days(3))
    await story.make(days_later=MONTH)
    assert days_of(await story.read(moved["series_id"])) == [3, 4, 5]


@pytest.mark.parametrize(
    ("between", "last"),
    [
        (f"FREQ=DAILY;UNTIL={in_days(3)[:10].replace('-', '')}", "FREQ=DAILY;COUNT=9"),
        ("FREQ=MONTHLY", "FREQ=DAILY;COUNT=9"),
        ("FREQ=DAILY;COUNT=2", f"FREQ=DAILY;UNTIL={in_days(9)[:10].replace('-', '')}"),
    ],
)
async def test_what_a_rule_did_not_reach_stays_deleted_or_done_by_the_next_one(
    story: SeriesStory, between: str, last: str
) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    await story.delete(before[6])
    done = await story.act(before[7], "complete")
    for rrule in (between, last):
        edited = await story.edit(before[0], "future", recurrence={"rrule": rrule, "time_zone": "UTC"})
        await story.make()
    assert days_of(await story.read(edited["series_id"])) == [1, 2, 3, 4, 5, 6, 9]
    assert done["id"] in [one["id"] for one in await story.read(done["series_id"])]


@pytest.mark.parametrize(("rrule", "days"), [("FREQ=DAILY;COUNT=10", 10), (f"FREQ=DAILY;UNTIL={TENTH}", 10)])
async def test_the_same_rule_sent_back_makes_a_cut_series_whole(story: SeriesStory, rrule: str, days: int) -> None:
    before = await story.begin(rrule)
    same = {"recurrence": before[0]["recurrence"]}
    unchanged = await story.edit(before[0], "future", **same)
    assert unchanged["version"] == before[0]["version"]
    await story.delete(before[6])
    await story.delete(before[4], "future")
    going_on = await story.edit(before[0], "future", **same, subject="Sent back by a form")
    await story.make()
    assert days_of(await story.read(going_on["series_id"])) == [1, 2, 3, 4]
    edited = await story.edit(going_on, "future", recurrence=going_on["recurrence"])
    await story.make()
    assert days_of(await story.read(edited["series_id"])) == [day for day in range(1, days + 1) if day != 7]
    assert (await story.edit(edited, "future", recurrence=edited["recurrence"]))["version"] == edited["version"]
