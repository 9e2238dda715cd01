"""Calendar feeds over HTTP: whose they are, what stands in them, and when their readers hear that it has changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest
from services.activities.tests.integration.calendar_kit import ACTIVITIES, fetch, make_feed

from crm_activities import consumers
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord, make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


Kit = ServiceKit[ActivitiesSettings]


NOW = datetime.now(UTC).replace(microsecond=0)


SOON = NOW + timedelta(days=2)


@pytest.fixture
def nobody(service: Kit) -> httpx.AsyncClient:
    """Return a client that sends no token."""
    return service.client_with(None)


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"type": "MEETING", "scheduled_at": SOON.isoformat(), **fields}
    return require_ok(await client.post(ACTIVITIES, json=body), 201)


def list_events(answer: httpx.Response) -> Iterator[Any]:
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert isinstance(calendar, icalendar.Calendar)
    yield from calendar.walk("VEVENT")


async def read(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """Read the feed; give its events by UID, in their order."""
    return {str(event["UID"]): event for event in list_events(await fetch(client, url))}


async def change(service: Kit, activity: dict[str, Any], setting: str, *values: Any) -> None:
    """Write columns of an activity as no request may, such as when it was deleted."""
    async with service.database.begin_as_worker() as transaction:
        statement = f"UPDATE activities SET {setting}, version = version + 1 WHERE id = $1"  # noqa: S608 - said below
        await transaction.execute(statement, UUID(activity["id"]), *values)


async def test_a_feed_has_the_users_own_dated_open_tasks_and_meetings(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await consumers.keep_replicas([contact], service.database)
    later = await log(rep, subject="Later", scheduled_at=(SOON + timedelta(days=400)).isoformat())
    meeting = await log(rep, subject="Offer", body="Bring it", location="Rome", duration_s=3600)
    task = await log(rep, type="TASK", subject="Call back", scheduled_at=NOW.isoformat(), priority="LOW")
    whole_day = await log(rep, type="TASK", scheduled_at=None, scheduled_on=str(SOON.date()))
    past = await log(rep, scheduled_at=(NOW - timedelta(days=29, hours=23)).isoformat())
    await log(rep, scheduled_at=(NOW - timedelta(days=30, hours=1)).isoformat())
    await log(rep, scheduled_at=None)
    await log(rep, completed_at=NOW.isoformat())
    await log(rep, type="CALL", scheduled_at=None, duration_s=60)
    await log(service.client(tenant.other_rep), contact_id=None)
    # Seen by the REP, as their contact's, and still another's.
    await log(service.client(tenant.admin), contact_id=str(contact.aggregate_id))

    answer = await fetch(nobody, await make_feed(rep))

    events = {str(event["UID"]): event for event in list_events(answer)}
    expected = [past, task, *sorted((whole_day, meeting), key=lambda one: one is meeting), later]
    assert list(events) == [activity["id"] for activity in expected]
    event = events[meeting["id"]]
    assert (event["SUMMARY"], event["DESCRIPTION"], event["LOCATION"]) == ("Offer", "Bring it", "Rome")
    assert (event["SEQUENCE"], event["STATUS"]) == (meeting["version"], "CONFIRMED")
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (SOON, SOON + timedelta(hours=1))
    assert events[whole_day["id"]]["DTSTART"].dt == SOON.date()
    assert events[whole_day["id"]]["SUMMARY"] == "Task"
    assert events[task["id"]]["TRANSP"] == "TRANSPARENT"
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "traceparent" in answer.headers
    assert int(answer.headers["ratelimit-remaining"]) > 0


async def test_an_empty_calendar_is_one(rep: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    answer = await fetch(nobody, await make_feed(rep))
    assert list(list_events(answer)) == []
    assert answer.content.startswith(b"BEGIN:VCALENDAR\r\n")


async def test_every_change_gives_another_tag_and_none_gives_304(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    url = await make_feed(rep)
    seen: dict[str, bytes] = {}

    async def require_new() -> dict[str, Any]:
        known = ", ".join(['"other"', *seen])
        answer = await fetch(nobody, url, **{"If-None-Match": known})
        assert answer.headers["etag"] not in seen
        seen[answer.headers["etag"]] = answer.content
        for tag in (known + f", W/{answer.headers['etag']}", "*"):
            unchanged = await nobody.get(url, headers={"If-None-Match": tag})
            assert (unchanged.status_code, unchanged.content) == (304, b"")
            assert unchanged.headers["etag"] == answer.headers["etag"]
            assert unchanged.headers["cache-control"] == "private, no-cache"
        assert (await fetch(nobody, url)).content == answer.content
        return {str(event["UID"]): event for event in list_events(answer)}

    assert await require_new() == {}
    activity = await log(rep)
    path = f"{ACTIVITIES}/{activity['id']}"
    assert (await require_new())[activity["id"]]["SEQUENCE"] == 1
    require_ok(await rep.patch(path, json={"subject": "Now with one"}))
    assert (await require_new())[activity["id"]]["SUMMARY"] == "Now with one"
    require_ok(await rep.post(f"{path}/complete"))
    completed = await fetch(nobody, url)
    assert completed.headers["etag"] in seen  # as before it was there, to the octet
    assert seen[completed.headers["etag"]] == completed.content
    require_ok(await rep.post(f"{path}/reopen"))
    assert (await require_new())[activity["id"]]["SEQUENCE"] == 4
    assert (await rep.delete(path)).status_code == 204
    assert (await require_new())[activity["id"]]["STATUS"] == "CANCELLED"

    another = await log(rep)
    assert (await require_new()).keys() == {activity["id"], another["id"]}
    admin = service.client(tenant.admin)
    require_ok(await admin.patch(f"{ACTIVITIES}/{another['id']}", json={"user_id": str(tenant.other_rep.id)}))
    reassigned = await fetch(nobody, url)
    assert reassigned.headers["etag"] in seen
    assert another["id"] not in reassigned.text
    assert list(await read(nobody, await make_feed(service.client(tenant.other_rep)))) == [another["id"]]


async def test_time_alone_changes_the_tag(service: Kit, rep: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    shown_for = timedelta(hours=1)  # longer than a slow machine takes from here to the next reading
    begins_at = datetime.now(UTC) - timedelta(days=30) + shown_for
    activity = await log(rep, scheduled_at=begins_at.isoformat())
    url = await make_feed(rep)
    before = await fetch(nobody, url)
    assert activity["id"] in before.text
    async with service.database.begin_as_worker() as transaction:  # as if that time had gone by
        statement = "UPDATE activities SET scheduled_at = scheduled_at - $2::interval WHERE id = $1"
        await transaction.execute(statement, UUID(activity["id"]), shown_for)
    after = await fetch(nobody, url, **{"If-None-Match": before.headers["etag"]})
    assert list(list_events(after)) == []


@pytest.mark.parametrize(
    ("deleted_ago", "scheduled_ago", "is_there"),
    [
        (timedelta(days=29, hours=23), timedelta(days=29), True),
        (timedelta(days=30, hours=1), timedelta(days=1), False),
        (timedelta(days=29), timedelta(days=58), True),  # it was in the feed when it was deleted
        (timedelta(days=29), timedelta(days=60), False),
        (timedelta(hours=1), timedelta(days=-400), True),
    ],
)
async def test_a_deleted_one_stays_for_30_days_as_cancelled(
    service: Kit,
    rep: httpx.AsyncClient,
    nobody: httpx.AsyncClient,
    deleted_ago: timedelta,
    scheduled_ago: timedelta,
    is_there: bool,  # noqa: FBT001 - a case's outcome
) -> None:
    timed = await log(rep, subject="Off", body="b", scheduled_at=(NOW - scheduled_ago).isoformat())
    daily = await log(rep, type="TASK", scheduled_at=None, scheduled_on=str((NOW - scheduled_ago).date()))
    for activity in (timed, daily):
        assert (await rep.delete(f"{ACTIVITIES}/{activity['id']}")).status_code == 204
        await change(service, activity, "deleted_at = $2", NOW - deleted_ago)
    events = await read(nobody, await make_feed(rep))
    assert events.keys() == ({timed["id"], daily["id"]} if is_there else set())
    assert {str(event["STATUS"]) for event in events.values()} <= {"CANCELLED"}
    if is_there:
        assert events[timed["id"]]["SEQUENCE"] == 3
        assert "DESCRIPTION" not in events[timed["id"]]


async def test_a_whole_day_goes_by_the_users_own_calendar(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    async with service.database.begin_as_worker() as transaction:
        statement = "UPDATE directory_users SET time_zone = 'Pacific/Kiritimati' WHERE id = $1"  # 14 hours ahead
        await transaction.execute(statement, tenant.rep.id)
    border: date = datetime.now(ZoneInfo("Pacific/Kiritimati")).date() - timedelta(days=30)
    days = [border + timedelta(days=step) for step in (-1, 0, 1, 30, 31)]
    logged = [await log(rep, scheduled_at=None, scheduled_on=str(day)) for day in days]
    answer = await fetch(nobody, await make_feed(rep))
    assert [str(event["UID"]) for event in list_events(answer)] == [activity["id"] for activity in logged[1:]]
    assert b"X-WR-TIMEZONE:Pacific/Kiritimati\r\n" in answer.content


async def test_an_erased_one_has_no_texts(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    contact = PublishedRecord.new("contact", tenant.id, first_name="Forget", owner_id=tenant.rep.id)
    await consumers.keep_replicas([contact.publish()], service.database)
    activity = await log(rep, subject="Forget me", body="all", location="here", contact_id=str(contact.id))
    url = await make_feed(rep)
    before = (await fetch(nobody, url)).headers["etag"]
    event = contact.erase()
    await consumers.keep_replicas([event], service.database)
    await consumers.forget_contacts([event], service.database, SystemClock())
    answer = await fetch(nobody, url, **{"If-None-Match": before})
    [shown] = list_events(answer)
    assert (str(shown["UID"]), shown["SUMMARY"]) == (activity["id"], "Meeting")
    assert {"DESCRIPTION", "LOCATION"}.isdisjoint(shown)


async def test_head_tells_the_tag_without_the_file(rep: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    await log(rep)
    url = await make_feed(rep)
    answer, head = await fetch(nobody, url), await nobody.head(url)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "cache-control"):
        assert head.headers[name] == answer.headers[name]
    assert "content-length" not in head.headers
    assert (await nobody.head(url, headers={"If-None-Match": head.headers["etag"]})).status_code == 304
