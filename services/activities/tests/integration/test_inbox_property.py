"""The inbox at any moment in any zone against a sort of all tasks, at changed clocks and the edges of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_activities.activities.activity import ActivityType, NewActivity
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import log
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.examples import examples
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
EXAMPLES = examples(40)
SECTIONS = ("overdue", "today", "upcoming", "unscheduled")
STEP = timedelta(minutes=15)
TICK = timedelta(microseconds=1)

ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Havana", "America/Santiago", "Asia/Beirut", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Chatham", "America/St_Johns", "UTC"),
)
# Around which tasks and moments lie: DST changes of 2026 either way, days that were left out, the ends of time.
DAYS = (
    *(date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 10, 4)),
    *(date(2026, 9, 6), date(2011, 12, 30), date(1994, 12, 31), date(1900, 1, 3), date(2200, 12, 29)),
)


@dataclass(frozen=True)
class Task:
    """A task as it was written. Those without a time and a day go by `created_at`."""

    id: UUID
    scheduled_at: datetime | None
    scheduled_on: date | None
    created_at: datetime


@cache
def look_for_end(day: date, zone: str) -> datetime:
    """Return the first quarter of an hour after the last one that is on the day, or on an earlier one."""
    if day.year < 1970:  # local mean time, to the second; in these years no clock was changed
        return datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    moment = datetime.combine(day + timedelta(days=3), datetime.min.time(), UTC)
    while moment.astimezone(ZoneInfo(zone)).date() > day:
        moment -= STEP
    return moment + STEP


def place(task: Task, at: datetime, zone: str) -> tuple[str, datetime]:
    """Return the section of a task and when it is due."""
    if task.scheduled_on is not None:
        due, last_day = look_for_end(task.scheduled_on, zone), task.scheduled_on
    elif task.scheduled_at is not None:
        due, last_day = task.scheduled_at, task.scheduled_at.astimezone(ZoneInfo(zone)).date()
    else:
        return "unscheduled", task.created_at
    if due <= at:
        return "overdue", due
    today = at.astimezone(ZoneInfo(zone)).date()
    is_today = last_day <= today or (task.scheduled_on is not None and due <= look_for_end(today, zone))
    return "today" if is_today else "upcoming", due


def sort_out(tasks: Sequence[Task], at: datetime, zone: str) -> dict[str, list[str]]:
    """Return the ids of each section in their order."""
    placed = {task.id: place(task, at, zone) for task in tasks}
    return {
        section: [
            str(task.id)
            for task in sorted(tasks, key=lambda task: (placed[task.id][1], task.id))
            if placed[task.id][0] == section
        ]
        for section in SECTIONS
    }


moments = st.builds(
    lambda day, zone, hours, ticks: (
        datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
        + timedelta(hours=hours)
        + ticks * TICK
    ),
    st.sampled_from(DAYS),
    st.sampled_from(ZONES),
    st.integers(-26, 50),
    st.integers(-1, 1),
)
days = st.builds(lambda day, more: day + timedelta(days=more), st.sampled_from(DAYS), st.integers(-2, 2))
nothing = st.none()


@pytest.fixture(scope="module")
async def people(service: Kit) -> SeededTenant:
    return await service.seed_tenant()


async def write(kit: Kit, tenant: SeededTenant, whens: Sequence[tuple[datetime | None, date | None]]) -> list[Task]:
    """Put these tasks in place of all others of the REP's, their ids in no order."""
    async with kit.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM activities WHERE tenant_id = $1", tenant.id)
        tasks = []
        for at, on in whens:
            new = NewActivity(type=ActivityType.TASK, user_id=tenant.rep.id, scheduled_at=at, scheduled_on=on)
            task_id = UUID(bytes=new_id().bytes[::-1])
            activity = log(task_id, new, now=datetime.now(UTC)).activity
            await transaction.execute(ACTIVITY_TABLE.insert, *ACTIVITY_TABLE.to_row(tenant.id, activity))
            tasks.append(Task(task_id, at, on, activity.created_at))
    return tasks


async def set_zone(kit: Kit, tenant: SeededTenant, zone: str) -> None:
    async with kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE directory_users SET time_zone = $3 WHERE tenant_id = $1 AND id = $2", tenant.id, tenant.rep.id, zone
        )


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    whens=st.lists(
        st.one_of(st.tuples(moments, nothing), st.tuples(nothing, days), st.just((None, None))), max_size=24
    ),
    looks=st.lists(st.tuples(moments, st.sampled_from(ZONES)), min_size=1, max_size=2),
    limit=st.integers(2, 8),
)
async def test_it_is_what_a_sort_of_all_tasks_gives(
    service: Kit,
    people: SeededTenant,
    whens: list[tuple[datetime | None, date | None]],
    looks: list[tuple[datetime, str]],
    limit: int,
) -> None:
    tasks = await write(service, people, whens)
    rep = service.client(people.rep)
    for at, zone in looks:
        await set_zone(service, people, zone)
        expected = sort_out(tasks, at, zone)
        parameters: dict[str, Any] = {"at": at.isoformat(), "limit": limit}
        inbox = require_ok(await rep.get("/v1/inbox", params=parameters))
        assert inbox["time_zone"] == zone
        assert {section: inbox[section]["count"] for section in SECTIONS} == {
            section: len(ids) for section, ids in expected.items()
        }
        for section in SECTIONS:
            page, seen = inbox[section], [item["id"] for item in inbox[section]["items"]]
            while page["next_cursor"] is not None:
                more = {"section": section, "cursor": page["next_cursor"], "limit": limit}
                page = require_ok(await rep.get("/v1/inbox", params=more))[section]
                seen += [item["id"] for item in page["items"]]
            assert seen == expected[section], (section, at, zone)
