"""Reminders that are due, taken and counted, as tests ask for them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import REGISTRY

from crm_activities.activities.activity import ActivityType, NewActivity
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import log
from crm_activities.reminders.scheduler import Reminders
from crm_activities.settings import ActivitiesSettings
from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock, SystemClock, new_id
from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

Kit = ServiceKit[ActivitiesSettings]

PATH = "/v1/activities"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def make_reminders(kit: Kit, clock: Clock | None = None) -> Reminders:
    return Reminders(kit.database, clock or SystemClock(), Backpressure.of(kit.settings, kit.database))


async def give_all(kit: Kit, clock: Clock | None = None) -> int:
    reminders, given = make_reminders(kit, clock), 0
    while more := await reminders.give_due():
        given += more
    return given


async def add(kit: Kit, tenant: SeededTenant, **fields: Any) -> dict[str, Any]:
    return require_ok(await kit.client(tenant.rep).post(PATH, json={"type": "TASK", **fields}), 201)


async def add_many(kit: Kit, tenant: SeededTenant, count: int, remind_at: datetime) -> set[UUID]:
    """Write tasks with reminders a millisecond apart; return their ids."""
    tasks = [
        log(
            new_id(),
            NewActivity(
                type=ActivityType.TASK, user_id=tenant.rep.id, remind_at=remind_at + timedelta(milliseconds=number)
            ),
            now=NOON,
        ).activity
        for number in range(count)
    ]
    async with kit.database.begin_as_worker() as transaction:
        await transaction.executemany(ACTIVITY_TABLE.insert, [ACTIVITY_TABLE.to_row(tenant.id, task) for task in tasks])
    return {task.id for task in tasks}


async def take_reminders(kit: Kit, tenant: SeededTenant) -> list[Event]:
    return [event for event in await kit.take_events(tenant.id) if event.verb == "reminded"]


async def take_many(kit: Kit, tenant: SeededTenant) -> list[UUID]:
    """Take events without a look into each, and return whom they remind of. Each is the second of its task."""
    async with kit.database.begin_as_worker() as transaction:
        rows = await transaction.fetch(
            "DELETE FROM outbox WHERE tenantid = $1 RETURNING aggregateid, type, sequence", str(tenant.id)
        )
    assert {(row["type"], row["sequence"]) for row in rows} <= {("crm.activity.reminded", 2)}
    return [UUID(row["aggregateid"]) for row in rows]


def read_metrics() -> list[float]:
    """Return how many reminders were counted, how many delays, and the delays' sum."""
    names = ("crm_reminders_total", "crm_reminder_delay_seconds_count", "crm_reminder_delay_seconds_sum")
    return [REGISTRY.get_sample_value(name) or 0.0 for name in names]


async def require_once(kit: Kit, tenant: SeededTenant, ids: set[UUID]) -> None:
    """Fail unless each of these was reminded of exactly once, row and event alike, and nothing else was."""
    assert Counter(await take_many(kit, tenant)) == dict.fromkeys(ids, 1)
    async with kit.database.read_as_worker() as connection:
        rows = await connection.fetch(
            "SELECT id, version, reminded_at, remind_at FROM activities WHERE tenant_id = $1", tenant.id
        )
    assert {row["id"] for row in rows} == ids
    assert all(row["version"] == 2 and row["reminded_at"] >= row["remind_at"] for row in rows)
