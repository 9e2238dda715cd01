"""Instances that were deleted with all that follow and came back one by one: what goes on from them, and how far."""

from datetime import datetime, timedelta
from typing import Final

import httpx
import pytest
from services.activities.tests.integration.series_stories import BERLIN, PATH, SeriesStory, in_days, starts_of

from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
MONTH: Final = 30


@pytest.fixture
def story(service: Kit, rep: httpx.AsyncClient) -> SeriesStory:
    return SeriesStory.of(service, rep)


@pytest.mark.parametrize(
    ("count", "deleted", "restored", "left"),
    [(8, 4, 6, 3), (8, 8, 8, 1), (3, 2, 3, 1), (8, 2, 2, 7)],
    ids=["between", "the last", "of three", "where it was cut"],
)
async def test_a_count_goes_on_behind_a_future_that_was_deleted(
    story: SeriesStory, *, count: int, deleted: int, restored: int, left: int
) -> None:
    before = await story.begin(f"FREQ=DAILY;COUNT={count}", zone=BERLIN)
    await story.delete(before[deleted - 1], "future")
    await story.act(before[restored - 1], "restore")
    edited = await story.edit(before[restored - 1], "future", subject="F")
    assert edited["recurrence"] == {"rrule": f"FREQ=DAILY;COUNT={left}", "time_zone": BERLIN}
    await story.make(days_later=MONTH)
    assert await story.read(edited["series_id"]) == [edited]  # those behind it stay deleted
    assert await story.read(before[0]["series_id"]) == before[: deleted - 1]


async def test_a_count_goes_on_in_what_a_split_left_behind(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=8")
    later = await story.edit(before[4], "future", subject="Later")
    await story.make()
    await story.act(before[6], "restore")
    edited = await story.edit(before[6], "future", subject="F")
    assert edited["recurrence"]["rrule"] == "FREQ=DAILY;COUNT=2"
    await story.make(days_later=MONTH)
    assert await story.read(edited["series_id"]) == [edited]
    assert starts_of(await story.read(later["series_id"])) == starts_of(before)[4:]
    assert await story.read(before[0]["series_id"]) == before[:4]


@pytest.mark.parametrize("rule", ["FREQ=DAILY;COUNT=200", "FREQ=DAILY;UNTIL={until}", "FREQ=DAILY"])
@pytest.mark.parametrize("hours", [0, 26], ids=["at its time", "put off"])
async def test_what_was_restored_goes_on_together_and_nothing_else(
    story: SeriesStory, rule: str, *, hours: int
) -> None:
    until = in_days(200).replace("-", "").replace(":", "")
    before = await story.begin(rule.format(until=until))
    await story.delete(before[3], "future")
    for number in (5, 7, 8):
        await story.act(before[number], "restore")
    await story.act(before[8], "complete")
    start = in_days(6, hours=hours)
    edited = await story.edit(before[5], "future", subject="F", scheduled_at=start)
    await story.make(days_later=MONTH)
    after = await story.read(edited["series_id"])
    assert starts_of(after) == [start, in_days(8, hours=hours)]
    assert {one["subject"] for one in after} == {"F"}
    assert [one["id"] for one in await story.read(before[0]["series_id"])] == [
        one["id"] for one in (*before[:3], before[8])
    ]


async def test_an_edit_before_the_end_takes_what_was_restored_behind_it(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=9")
    later = await story.edit(before[4], "future", subject="Later")
    await story.make()
    await story.act(before[6], "restore")
    edited = await story.edit(before[1], "future", subject="F")
    await story.make(days_later=MONTH)
    assert edited["recurrence"]["rrule"] == "FREQ=DAILY;COUNT=8"
    assert starts_of(await story.read(edited["series_id"])) == [starts_of(before)[number] for number in (1, 2, 3, 6)]
    assert starts_of(await story.read(later["series_id"])) == starts_of(before)[4:]
    assert await story.read(before[0]["series_id"]) == before[:1]


async def test_whole_days_that_were_restored_go_on(story: SeriesStory) -> None:
    days = [in_days(number)[:10] for number in range(1, 9)]
    before = await story.begin("FREQ=DAILY;COUNT=8", zone=BERLIN, scheduled_on=days[0])
    await story.delete(before[3], "future")
    for number in (5, 7):
        await story.act(before[number], "restore")
    edited = await story.edit(before[5], "future", subject="F")
    assert edited["recurrence"]["rrule"] == "FREQ=DAILY;COUNT=3"
    await story.make(days_later=MONTH)
    assert starts_of(await story.read(edited["series_id"])) == [days[5], days[7]]


async def test_a_rule_that_is_given_anew_is_made_as_it_says(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=8")
    await story.delete(before[3], "future")
    await story.act(before[5], "restore")
    recurrence = {"rrule": "FREQ=WEEKLY;COUNT=3", "time_zone": "UTC"}
    answer = await story.client.patch(
        f"{PATH}/{before[5]['id']}", params={"scope": "future"}, json={"recurrence": recurrence}
    )
    edited = require_ok(answer)
    await story.make()
    start = datetime.fromisoformat(starts_of(before)[5])
    weeks = [(start + timedelta(weeks=number)).strftime("%Y-%m-%dT%H:%M:%SZ") for number in range(3)]
    assert starts_of(await story.read(edited["series_id"])) == weeks


@pytest.mark.parametrize("count", [6, 7], ids=["another", "the one that was left"])
async def test_a_rule_that_is_given_before_a_cut_is_made_as_it_says(story: SeriesStory, *, count: int) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=9")
    done, deleted = await story.act(before[4], "complete"), before[3]
    await story.delete(deleted)
    await story.delete(before[5], "future")
    recurrence = {"rrule": f"FREQ=DAILY;COUNT={count}", "time_zone": "UTC"}
    edited = await story.edit(before[2], "future", recurrence=recurrence)
    await story.make(days_later=MONTH)
    assert edited["recurrence"] == recurrence
    made = [one for one in starts_of(before)[2 : 2 + count] if one not in starts_of([done, deleted])]
    assert starts_of(await story.read(edited["series_id"])) == made
    assert await story.read(before[0]["series_id"]) == [*before[:2], done]


async def test_a_rule_that_is_given_goes_past_where_a_split_cut_the_series(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=8")
    later = await story.edit(before[5], "future", subject="Later")
    await story.make()
    until = in_days(10).replace("-", "").replace(":", "")
    recurrence = {"rrule": f"FREQ=DAILY;UNTIL={until}", "time_zone": "UTC"}
    edited = await story.edit(before[2], "future", recurrence=recurrence)
    await story.make(days_later=MONTH)
    assert starts_of(await story.read(edited["series_id"])) == [in_days(day) for day in range(3, 11)]
    assert starts_of(await story.read(later["series_id"])) == starts_of(before)[5:]
