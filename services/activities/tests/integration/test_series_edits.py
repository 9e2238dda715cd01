"""One instance, or it and all that follow: edits and deletions, and what the horizon brings afterwards."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from services.activities.tests.integration.series_stories import HOUR, PATH, SeriesStory, in_days, starts_of

from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


@pytest.fixture
def story(service: Kit, rep: httpx.AsyncClient) -> SeriesStory:
    return SeriesStory.of(service, rep)


async def test_an_edit_of_one_is_of_that_one(story: SeriesStory) -> None:
    _, second, *_ = before = await story.begin("FREQ=WEEKLY", subject="Weekly")
    edited = await story.edit(second, "this", subject="Special", scheduled_at=in_days(9, hours=6))
    assert (edited["series_id"], edited["recurrence_id"]) == (second["series_id"], second["recurrence_id"])
    completed = await story.act(before[2], "complete")
    after = await story.read(second["series_id"])
    assert after == [before[0], edited, completed, *before[3:]]
    await story.make(days_later=7)
    later = await story.read(second["series_id"])
    assert later[: len(after)] == after
    assert [one["subject"] for one in later[len(after) :]] == ["Weekly"]


async def test_the_rule_changes_for_all_that_follow_alone(story: SeriesStory) -> None:
    first, *_ = before = await story.begin("FREQ=WEEKLY")
    path, daily = f"{PATH}/{first['id']}", {"rrule": "FREQ=DAILY", "time_zone": "UTC"}
    for params in ({}, {"scope": "this"}):
        for recurrence in (daily, None):
            answer = await story.client.patch(path, params=params, json={"recurrence": recurrence})
            require_problem(answer, 422, "invalid-field", "/recurrence")
    require_problem(await story.client.patch(path, params={"scope": "all"}, json={}), 422, "invalid-field", "?scope")
    unchanged = {"recurrence": first["recurrence"]}
    assert require_ok(await story.client.patch(path, json=unchanged)) == first
    assert require_ok(await story.client.patch(path, params={"scope": "future"}, json=unchanged)) == first
    assert await story.read(first["series_id"]) == before


async def test_an_edit_of_all_that_follow_begins_a_series(story: SeriesStory, tenant: SeededTenant) -> None:
    before = await story.begin("FREQ=WEEKLY", subject="Weekly", remind_at=in_days(1, hours=-1))
    done = await story.act(before[5], "complete")
    await story.delete(before[6])
    await story.edit(before[7], "this", subject="Special")
    await story.kit.take_events(tenant.id)
    edited = await story.edit(before[3], "future", subject="New")
    assert (edited["id"], edited["version"], edited["recurrence_id"]) == (before[3]["id"], 2, before[3]["scheduled_at"])
    assert edited["series_id"] != before[3]["series_id"]
    events = await story.kit.take_events(tenant.id)
    gone = {before[number]["id"] for number in (4, *range(7, 13))}
    assert events[0].state == edited
    assert {str(event.aggregate_id) for event in events if event.verb == "deleted"} == gone
    assert len(events) == 1 + len(gone)
    assert await story.read(before[0]["series_id"]) == [*before[:3], done]

    await story.make()
    after = await story.read(edited["series_id"])
    assert after[0] == edited
    assert starts_of(after) == [one["scheduled_at"] for one in before[3:] if one not in (before[5], before[6])]
    assert {one["subject"] for one in after} == {"New"}
    assert after[1]["remind_at"] == in_days(1 + 4 * 7, hours=-1)
    await story.make(days_later=14)
    assert await story.read(before[0]["series_id"]) == [*before[:3], done]
    assert len(await story.read(edited["series_id"])) == len(after) + 2


async def test_all_that_follow_move_with_a_new_start_or_rule(story: SeriesStory) -> None:
    before = await story.begin("FREQ=WEEKLY")
    moved = await story.edit(before[1], "future", scheduled_at=in_days(9, hours=6))
    await story.make()
    assert starts_of(await story.read(moved["series_id"]))[:3] == [in_days(day, hours=6) for day in (9, 16, 23)]
    ruled = await story.edit(moved, "future", recurrence={"rrule": "FREQ=DAILY;COUNT=3", "time_zone": "UTC"})
    await story.make()
    assert starts_of(await story.read(ruled["series_id"])) == [in_days(day, hours=6) for day in (9, 10, 11)]
    assert await story.read(moved["series_id"]) == []
    assert await story.read(before[0]["series_id"]) == [before[0]]


async def test_a_count_goes_on(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=10")
    assert len(before) == 10
    edited = await story.edit(before[3], "future", subject="New")
    assert edited["recurrence"]["rrule"] == "FREQ=DAILY;COUNT=7"
    await story.make()
    after = await story.read(edited["series_id"])
    assert starts_of(after) == starts_of(before)[3:]
    again = await story.edit(after[2], "future", subject="Newer")
    assert again["recurrence"]["rrule"] == "FREQ=DAILY;COUNT=5"
    await story.make()
    everything = [one for series in (before, after, [again]) for one in await story.read(series[0]["series_id"])]
    assert sorted(starts_of(everything)) == starts_of(before)


async def test_the_rest_of_a_series_that_was_cut_ends_where_the_later_one_begins(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=8")
    later = await story.edit(before[5], "future", subject="Later")
    earlier = await story.edit(before[2], "future", subject="Earlier")
    await story.make()
    assert starts_of(await story.read(earlier["series_id"])) == starts_of(before)[2:5]
    assert starts_of(await story.read(later["series_id"])) == starts_of(before)[5:]
    await story.make(days_later=30)
    assert starts_of(await story.read(earlier["series_id"])) == starts_of(before)[2:5]


async def test_what_was_done_or_deleted_is_not_made_again_at_another_time(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=7")
    await story.delete(before[3])
    done = await story.act(before[4], "complete")
    moved = await story.edit(before[1], "future", scheduled_at=in_days(2, hours=1))
    await story.make()
    after = await story.read(moved["series_id"])
    assert starts_of(after) == [in_days(day, hours=1) for day in (2, 3, 6, 7)]
    # Its skipped ones are known when it has ended, too.
    ruled = await story.edit(
        after[1], "future", recurrence={"rrule": "FREQ=DAILY;INTERVAL=2;COUNT=3", "time_zone": "UTC"}
    )
    await story.make()
    assert starts_of(await story.read(ruled["series_id"])) == [in_days(day, hours=1) for day in (3, 7)]
    assert await story.read(before[0]["series_id"]) == [before[0], done]


async def test_a_series_ends_when_all_that_follow_lose_their_rule(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=5")
    plain = await story.edit(before[2], "future", recurrence=None)
    assert (plain["recurrence"], plain["series_id"], plain["recurrence_id"]) == (None, None, None)
    await story.make(days_later=10)
    assert await story.read(before[0]["series_id"]) == before[:2]
    begun = await story.edit(plain, "future", recurrence={"rrule": "FREQ=DAILY;COUNT=2", "time_zone": "UTC"})
    await story.make()
    assert starts_of(await story.read(begun["series_id"])) == starts_of(before)[2:4]


async def test_what_is_no_instance_takes_either_scope(story: SeriesStory) -> None:
    task = require_ok(await story.client.post(PATH, json={"type": "TASK"}), 201)
    edited = await story.edit(task, "future", subject="x")
    assert (edited["subject"], edited["series_id"]) == ("x", None)
    answer = await story.client.patch(
        f"{PATH}/{task['id']}",
        params={"scope": "future"},
        json={"recurrence": {"rrule": "FREQ=DAILY", "time_zone": "UTC"}},
    )
    require_problem(answer, 422, "invalid-field", "/recurrence")
    await story.delete(task, "future")


async def test_a_deleted_instance_stays_deleted(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=100")
    await story.delete(before[0])
    await story.delete(before[4])
    for _ in range(3):
        await story.make(days_later=3)
    left = await story.read(before[0]["series_id"])
    assert left[: len(before) - 2] == [one for one in before if one not in (before[0], before[4])]
    assert starts_of(left) == [in_days(day) for day in range(1, 100) if day not in (1, 5)]
    back = await story.act(before[4], "restore")
    assert (back["series_id"], back["recurrence_id"]) == (before[4]["series_id"], before[4]["recurrence_id"])


async def test_a_deletion_of_all_that_follow_ends_the_series(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY")
    done = await story.act(before[7], "complete")
    await story.delete(before[3], "future")
    await story.make(days_later=5)
    assert await story.read(before[0]["series_id"]) == [*before[:3], done]
    series = await story.load_series(before[0]["series_id"])
    assert (series["due_at"], series["template"]) == (None, None)


async def test_whole_days_become_hours_and_hours_days(story: SeriesStory) -> None:
    days = [in_days(number)[:10] for number in range(1, 7)]
    before = await story.begin("FREQ=DAILY;COUNT=6", scheduled_on=days[0])
    assert starts_of(before) == days
    timed = await story.edit(before[2], "future", scheduled_on=None, scheduled_at=f"{days[2]}T12:00:00Z")
    assert (timed["recurrence_id"], timed["recurrence"]["rrule"]) == (f"{days[2]}T12:00:00Z", "FREQ=DAILY;COUNT=4")
    await story.make()
    after = await story.read(timed["series_id"])
    assert starts_of(after) == [f"{day}T12:00:00Z" for day in days[2:]]
    back = await story.edit(after[1], "future", scheduled_at=None, scheduled_on=days[3])
    await story.make()
    assert starts_of(await story.read(back["series_id"])) == days[3:]
    assert starts_of(await story.read(before[0]["series_id"])) == days[:2]
    both = {"scheduled_at": f"{days[4]}T12:00:00Z"}
    answer = await story.client.patch(f"{PATH}/{back['id']}", params={"scope": "future"}, json=both)
    require_problem(answer, 422, "invalid-field", "/scheduled_on")
    none = {"scheduled_on": None}
    for scope in ("this", "future"):
        answer = await story.client.patch(f"{PATH}/{back['id']}", params={"scope": scope}, json=none)
        require_problem(answer, 422, "invalid-field", "/recurrence")


async def test_a_stale_version_changes_nothing_that_follows(story: SeriesStory) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=4")
    path, stale = f"{PATH}/{before[1]['id']}", {"If-Match": '"7"'}
    params = {"scope": "future"}
    answer = await story.client.patch(path, params=params, json={"subject": "x"}, headers=stale)
    require_problem(answer, 412, "stale-version")
    require_problem(await story.client.delete(path, params=params, headers=stale), 412, "stale-version")
    assert await story.read(before[0]["series_id"]) == before


async def test_edits_of_all_that_follow_at_once_stand_in_a_row(
    story: SeriesStory, service: Kit, tenant: SeededTenant
) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=9")
    clients = (service.client(tenant.rep), service.client(tenant.admin), service.client(tenant.manager))
    places = [(client, before[number]) for client in clients for number in (2, 4)]
    answers = await asyncio.gather(
        *(
            client.patch(f"{PATH}/{one['id']}", params={"scope": "future"}, json={"subject": f"{number}"})
            for number, (client, one) in enumerate(places)
        ),
        *(story.make() for _ in range(2)),
    )
    statuses = {answer.status_code for answer in answers if answer is not None}
    assert statuses <= {200, 404}  # an edit of an earlier one replaces those that follow it
    await story.make()
    found = require_ok(await story.client.get(PATH, params={"series_id.empty": "false", "limit": 200}))["items"]
    assert sorted(one["scheduled_at"] for one in found) == starts_of(before)
    path = f"{PATH}/{before[0]['id']}"
    raced = await asyncio.gather(
        *(
            client.patch(path, params={"scope": "future"}, json={"body": "x" * n}, headers={"If-Match": '"1"'})
            for n, client in enumerate(clients, 1)
        )
    )
    assert sorted(answer.status_code for answer in raced) == [200, 412, 412]


async def test_rounds_that_are_repeated_and_run_at_once_make_each_instance_once(
    story: SeriesStory, tenant: SeededTenant
) -> None:
    for _ in range(5):
        await story.log("FREQ=DAILY", scheduled_at=in_days(-40))
    await story.kit.take_events(tenant.id)
    await asyncio.gather(*(story.make() for _ in range(4)))
    await story.make()
    events = await story.kit.take_events(tenant.id)
    found = require_ok(await story.client.get(PATH, params={"series_id.empty": "false", "limit": 1}))["items"]
    ids = [event.aggregate_id for event in events]
    assert len(ids) == len(set(ids)) == 5 * (40 + 90)
    assert {event.version for event in events} == {1}
    # As if the process had been killed before it noted how far it had come: all is found to be there.
    forget = "UPDATE activity_series SET made_until = start, made = 1, due_at = $2 WHERE id = $1 AND due_at IS NOT NULL"
    async with story.kit.database.begin_as_worker() as transaction:
        await transaction.execute(forget, found[0]["series_id"], datetime.now(UTC) - timedelta(days=1))
    before = await story.read(found[0]["series_id"])
    await story.make()
    assert await story.read(found[0]["series_id"]) == before
    assert await story.kit.take_events(tenant.id) == []


async def test_an_edit_of_an_instance_that_the_clocks_moved_moves_no_other(story: SeriesStory) -> None:
    sydney = ZoneInfo("Australia/Sydney")  # clocks go forward on the first Sunday of October
    start = datetime(HOUR.year - 1, 9, 30, 2, 30, tzinfo=sydney)
    before = await story.begin("FREQ=DAILY;COUNT=10", zone=sydney.key, scheduled_at=start.isoformat())
    moved = [one for one in before if datetime.fromisoformat(one["scheduled_at"]).astimezone(sydney).hour == 3]
    assert len(moved) == 1
    edited = await story.edit(moved[0], "future", subject="Edited")
    again = await story.edit(edited, "future", subject="Edited again")
    await story.make()
    assert starts_of(await story.read(again["series_id"])) == starts_of(before[before.index(moved[0]) :])
