"""Series over HTTP and the worker: what is made, to which horizon, under which ids, and what instances copy."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
from services.activities.tests.integration.series_stories import BERLIN, PATH, SeriesStory, in_days, starts_of

from crm_activities.consumers import keep_replicas
from crm_activities.series.making import make_batch, making_series
from crm_activities.settings import ActivitiesSettings
from crm_shared.backpressure import Backpressure
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


@pytest.fixture
def story(service: Kit, rep: httpx.AsyncClient) -> SeriesStory:
    return SeriesStory.of(service, rep)


async def test_the_record_is_the_first_and_others_follow_to_the_horizon(
    story: SeriesStory, tenant: SeededTenant
) -> None:
    first = await story.log("FREQ=WEEKLY", subject="Call the plant", scheduled_at=in_days(1))
    assert first["recurrence"] == {"rrule": "FREQ=WEEKLY", "time_zone": "UTC"}
    assert (first["recurrence_id"], first["version"]) == (first["scheduled_at"], 1)
    await story.kit.take_events(tenant.id)
    await story.make()
    instances = await story.read(first["series_id"])
    assert starts_of(instances) == [in_days(1 + 7 * week) for week in range(13)]
    assert instances[0] == first
    events = await story.kit.take_events(tenant.id)
    assert [(event.type, event.state) for event in events] == [("crm.activity.logged", one) for one in instances[1:]]
    for one in instances[1:]:
        assert one["id"] == str(uuid5(UUID(first["series_id"]), one["recurrence_id"]))
        assert one["recurrence_id"] == one["scheduled_at"]
    await story.make(days_later=1)
    assert len(await story.read(first["series_id"])) == 13
    await story.make(days_later=1)
    assert starts_of(await story.read(first["series_id"]))[13:] == [in_days(92)]


def _moment(days: int) -> datetime:
    return datetime.fromisoformat(in_days(days))


async def test_instances_copy_what_the_first_one_says(story: SeriesStory, tenant: SeededTenant) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await keep_replicas([contact], story.kit.database)
    files: list[dict[str, Any]] = [
        {"name": "Agenda", "url": "https://files.example/a.pdf", "media_type": None, "size_bytes": 7}
    ]
    fields = {
        "type": "MEETING",
        "contact_id": str(contact.aggregate_id),
        "subject": "Jour fixe",
        "body": "As always",
        "location": "Room 5",
        "duration_s": 1800,
        "attachments": files,
    }
    instances = await story.begin(
        "FREQ=DAILY;COUNT=3", external_id="once", remind_at=in_days(1, hours=-1), scheduled_at=in_days(1), **fields
    )
    assert len(instances) == 3
    for number, one in enumerate(instances):
        assert {name: one[name] for name in fields} == fields
        assert one["remind_at"] == in_days(1 + number, hours=-1)
        assert one["user_id"] == str(tenant.rep.id)
        assert one["external_id"] == ("once" if number == 0 else None)
        assert (one["completed_at"], one["system"]) == (None, False)


async def test_a_reminder_that_was_past_before_its_instance_was_made_reminds_nobody(story: SeriesStory) -> None:
    instances = await story.begin("FREQ=DAILY;COUNT=6", remind_at=in_days(-3, hours=-1), scheduled_at=in_days(-3))
    assert [one["remind_at"] for one in instances] == [in_days(number - 3, hours=-1) for number in range(6)]
    later = instances[1:]
    assert [one["reminded_at"] is not None for one in later] == [one["remind_at"] < in_days(0) for one in later]
    assert instances[0]["reminded_at"] is None  # the record itself: what somebody wrote reminds at once


async def test_no_more_than_a_hundred_are_ahead(story: SeriesStory) -> None:
    first = await story.log("FREQ=DAILY;BYHOUR=8,9,10", scheduled_at=in_days(0))
    await story.make()
    instances = await story.read(first["series_id"])
    ahead = [one for one in instances if datetime.fromisoformat(one["scheduled_at"]) > story.clock.at]
    assert len(ahead) == 100
    await story.make(days_later=2)
    ahead = [
        one
        for one in await story.read(first["series_id"])
        if datetime.fromisoformat(one["scheduled_at"]) > story.clock.at
    ]
    assert len(ahead) == 100


async def test_what_began_in_the_past_is_made_from_its_start_on(story: SeriesStory) -> None:
    first = await story.log("FREQ=DAILY", scheduled_at=in_days(-300))
    await story.make()
    assert starts_of(await story.read(first["series_id"]))[:301] == [in_days(day) for day in range(-300, 1)]
    too_many = {"rrule": "FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9,10,11,12", "time_zone": "UTC"}
    body = {"type": "TASK", "scheduled_at": in_days(-400), "recurrence": too_many}
    require_problem(await story.client.post(PATH, json=body), 422, "invalid-field", "/recurrence/rrule")
    body = {"type": "TASK", "scheduled_at": in_days(-4000), "recurrence": {**too_many, "rrule": "FREQ=YEARLY"}}
    require_problem(await story.client.post(PATH, json=body), 422, "invalid-field", "/scheduled_at")


async def test_a_whole_day_is_named_by_its_date(story: SeriesStory) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    first = await story.log("FREQ=DAILY;INTERVAL=2;COUNT=3", zone=BERLIN, scheduled_on=day.isoformat())
    await story.make()
    instances = await story.read(first["series_id"])
    assert starts_of(instances) == [(day + timedelta(days=2 * n)).isoformat() for n in range(3)]
    assert [one["recurrence_id"] for one in instances] == starts_of(instances)
    assert instances[1]["id"] == str(uuid5(UUID(first["series_id"]), instances[1]["scheduled_on"]))
    hourly = {"rrule": "FREQ=DAILY;BYHOUR=9", "time_zone": BERLIN}
    body = {"type": "TASK", "scheduled_on": day.isoformat(), "recurrence": hourly}
    require_problem(await story.client.post(PATH, json=body), 422, "invalid-field", "/recurrence/rrule")


async def test_a_start_that_the_rule_does_not_name_counts(story: SeriesStory) -> None:
    sunday = next(day for day in (date(2027, 1, 1) + timedelta(days=n) for n in range(7)) if day.weekday() == 6)
    story.clock.at = datetime(2027, 1, 1, tzinfo=UTC)
    instances = await story.begin("FREQ=WEEKLY;BYDAY=MO;COUNT=3", scheduled_at=f"{sunday}T09:00:00Z")
    assert starts_of(instances) == [f"{sunday + timedelta(days=n)}T09:00:00Z" for n in (0, 1, 8)]


@pytest.mark.parametrize(
    ("recurrence", "pointer"),
    [
        ({"rrule": rule, "time_zone": "UTC"}, "/recurrence/rrule")
        for rule in (
            *(
                "",
                "DAILY",
                "FREQ=HOURLY",
                "FREQ=MINUTELY",
                "FREQ=SECONDLY",
                "FREQ=DAILY;",
                "INTERVAL=2",
                "FREQ=DAILY;X=1",
            ),
            *("RRULE:FREQ=DAILY", "FREQ=DAILY;COUNT=2;UNTIL=20300101", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=0"),
            *("FREQ=DAILY;COUNT=-1", "FREQ=DAILY;UNTIL=20300230", "FREQ=DAILY;UNTIL=2030", "FREQ=DAILY;BYMONTH=13"),
            *(
                "FREQ=DAILY;BYMONTHDAY=0",
                "FREQ=DAILY;BYMONTHDAY=32",
                "FREQ=WEEKLY;BYMONTHDAY=1",
                "FREQ=DAILY;BYDAY=1MO",
            ),
            *("FREQ=MONTHLY;BYDAY=6MO", "FREQ=YEARLY;BYDAY=54MO", "FREQ=MONTHLY;BYWEEKNO=3", "FREQ=DAILY;BYYEARDAY=3"),
            *("FREQ=DAILY;BYSETPOS=1", "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;BYSECOND=60", "FREQ=DAILY;BYEASTER=0"),
            *("FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY\nEXRULE:FREQ=DAILY", "FREQ=DAILY;DTSTART=20300101T000000Z"),
            *(
                "FREQ=DAILY;BYDAY=MO,",
                "FREQ=WEEKLY;WKST=XX",
                "FREQ=DAILY;BYMONTH=1" + ",1" * 400,
                "FREQ=DAILY;BYDAY=ǄO",
            ),
            "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5;BYSECOND=1,2,3,4,5",
        )
    ]
    + [
        ({"rrule": "FREQ=DAILY", "time_zone": "Mars/Olympus"}, "/recurrence/time_zone"),
        ({"rrule": "FREQ=DAILY", "time_zone": ""}, "/recurrence/time_zone"),
        ({"rrule": "FREQ=DAILY"}, "/recurrence/time_zone"),
        ({"time_zone": "UTC"}, "/recurrence/rrule"),
        ({"rrule": "FREQ=DAILY", "time_zone": "UTC", "exdate": []}, "/recurrence/exdate"),
        ({"rrule": 5, "time_zone": "UTC"}, "/recurrence/rrule"),
    ],
)
async def test_a_bad_rule_is_refused_by_name(rep: httpx.AsyncClient, recurrence: Any, pointer: str) -> None:
    body = {"type": "TASK", "scheduled_at": in_days(1), "recurrence": recurrence}
    require_problem(await rep.post(PATH, json=body), 422, "invalid-field", pointer)


async def test_only_what_has_a_start_comes_again(rep: httpx.AsyncClient) -> None:
    daily = {"rrule": "FREQ=DAILY", "time_zone": "UTC"}
    require_problem(
        await rep.post(PATH, json={"type": "TASK", "recurrence": daily}), 422, "invalid-field", "/recurrence"
    )
    require_problem(
        await rep.post(PATH, json={"type": "NOTE", "recurrence": daily}), 422, "invalid-field", "/recurrence"
    )
    far = {"type": "TASK", "scheduled_at": "2200-12-31T23:30:00Z", "recurrence": {**daily, "time_zone": "Asia/Tokyo"}}
    require_problem(await rep.post(PATH, json=far), 422, "invalid-field", "/scheduled_at")
    require_ok(await rep.post(PATH, json={**far, "recurrence": daily}), 201)


async def test_a_rule_that_names_nothing_is_the_record_alone(story: SeriesStory) -> None:
    for rule in ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20000101", "FREQ=DAILY;INTERVAL=7;BYDAY=MO"):
        tuesday = next(n for n in range(1, 8) if _moment(n).weekday() == 1)
        instances = await story.begin(rule, scheduled_at=in_days(tuesday))
        assert starts_of(instances) == [in_days(tuesday)]


async def test_another_tenant_sees_and_makes_nothing_of_it(story: SeriesStory, service: Kit) -> None:
    (first, *_) = await story.begin("FREQ=DAILY;COUNT=3")
    stranger = service.client((await service.seed_tenant()).admin)
    answer = await stranger.get(PATH, params={"series_id": first["series_id"]})
    assert require_ok(answer)["items"] == []
    for scope in ("this", "future"):
        params = {"scope": scope}
        require_problem(
            await stranger.patch(f"{PATH}/{first['id']}", params=params, json={"subject": "x"}), 404, "not-found"
        )
        require_problem(await stranger.delete(f"{PATH}/{first['id']}", params=params), 404, "not-found")
    assert len(await story.read(first["series_id"])) == 3


async def test_the_list_tells_series_from_others(story: SeriesStory) -> None:
    plain = require_ok(await story.client.post(PATH, json={"type": "TASK"}), 201)
    instances = await story.begin("FREQ=DAILY;COUNT=2")

    async def list_ids(**query: str) -> set[str]:
        return {one["id"] for one in require_ok(await story.client.get(PATH, params=query))["items"]}

    assert await list_ids(**{"series_id.empty": "true"}) == {plain["id"]}
    assert await list_ids(**{"series_id.empty": "false"}) == {one["id"] for one in instances}
    require_problem(await story.client.get(PATH, params={"series_id": "x"}), 422, "invalid-field", "?series_id")


async def test_the_worker_makes_instances_by_itself(story: SeriesStory) -> None:
    backpressure = Backpressure.of(story.kit.settings, story.kit.database)
    async with making_series(story.kit.database, SystemClock(), backpressure, pause_s=0.05):
        first = await story.log("FREQ=WEEKLY")

        async def is_made() -> bool:
            return len(await story.read(first["series_id"])) == 13

        await wait_until(is_made)


async def test_a_series_that_can_not_be_made_stops_no_other_and_is_tried_later_each_time(story: SeriesStory) -> None:
    broken, other = await story.log("FREQ=DAILY;COUNT=3"), await story.log("FREQ=DAILY;COUNT=3")
    spoil = 'UPDATE activity_series SET template = template || \'{"type": "NOISE"}\' WHERE id = $1'
    async with story.kit.database.begin_as_worker() as transaction:
        await transaction.execute(spoil, broken["series_id"])
    pauses = []
    for number in range(1, 5):
        await story.make()
        series = await story.load_series(broken["series_id"])
        assert series["failures"] == number
        pauses.append(series["due_at"] - story.clock.at)
        story.clock.at = series["due_at"]
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert len(await story.read(other["series_id"])) == 3
    mend = 'UPDATE activity_series SET template = template || \'{"type": "TASK"}\' WHERE id = $1'
    async with story.kit.database.begin_as_worker() as transaction:
        await transaction.execute(mend, broken["series_id"])
    await story.make()
    assert len(await story.read(broken["series_id"])) == 3
    assert (await story.load_series(broken["series_id"]))["failures"] == 0


async def test_long_texts_are_made_and_replaced_in_small_parts(story: SeriesStory, tenant: SeededTenant) -> None:
    text = "🙂" * 25_000
    first = await story.log("FREQ=DAILY;COUNT=14", body=text)
    series_ids = [UUID(first["series_id"])]
    _, made = await make_batch(story.kit.database, tenant.id, series_ids, story.clock)
    assert 1 < made < 7
    await story.make()
    assert [one["body"] for one in await story.read(first["series_id"])] == [text] * 14
    edited = await story.edit(first, "future", subject="New")
    await story.make()
    assert [one["subject"] for one in await story.read(edited["series_id"])] == ["New"] * 14
    assert await story.read(first["series_id"]) == []


async def test_times_that_the_gap_moves_are_made_once(story: SeriesStory) -> None:
    fields = {"zone": BERLIN, "scheduled_at": "2026-03-28T01:00:00Z"}
    instances = await story.begin("FREQ=DAILY;COUNT=12;BYHOUR=2,3;BYMINUTE=0,30", **fields)
    assert len(instances) == 12


async def test_a_series_that_can_not_be_planned_stops_no_other(story: SeriesStory) -> None:
    broken, other = await story.log("FREQ=DAILY;COUNT=3"), await story.log("FREQ=DAILY;COUNT=3")
    vanish = "UPDATE activity_series SET time_zone = 'Atlantis/Poseidonis' WHERE id = $1"
    async with story.kit.database.begin_as_worker() as transaction:
        await transaction.execute(vanish, broken["series_id"])
    await story.make()
    assert len(await story.read(broken["series_id"])) == 1
    assert len(await story.read(other["series_id"])) == 3
    found = "UPDATE activity_series SET time_zone = 'UTC' WHERE id = $1"
    async with story.kit.database.begin_as_worker() as transaction:
        await transaction.execute(found, broken["series_id"])
    await story.make(days_later=0.1)
    assert len(await story.read(broken["series_id"])) == 3
