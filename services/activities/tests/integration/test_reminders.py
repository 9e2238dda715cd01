"""Reminders: once, when the time has come, whoever works at once and whoever dies."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from services.activities.tests.integration.conftest import MIGRATIONS
from services.activities.tests.integration.reminders_kit import (
    NOON,
    PATH,
    add,
    add_many,
    give_all,
    make_reminders,
    read_metrics,
    require_once,
    take_many,
    take_reminders,
)

from crm_activities.app import make_app
from crm_activities.consumers import forget_contacts, keep_replicas
from crm_activities.reminders import repository, scheduler
from crm_activities.reminders.scheduler import BATCH_RECORDS, Reminders, reminding
from crm_activities.settings import ActivitiesSettings
from crm_shared.backpressure import Backpressure
from crm_shared.clock import FixedClock, SystemClock
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.query_plans import explain, list_reads
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
SECOND = timedelta(seconds=1)

# A worker's reminders alone, in a process that can be killed.
WORKER = """
import asyncio
from crm_activities.reminders.scheduler import reminding
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.database import Database
from crm_shared.backpressure import Backpressure

async def main():
    settings = ActivitiesSettings()
    async with Database.opened(settings.worker_dsn.get_secret_value()) as database:
        async with reminding(database, SystemClock(), Backpressure.of(settings, database)):
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def service(postgres_admin_dsn: str) -> AsyncIterator[Kit]:
    """Serve from a database of its own: reminders are given whosever they are, those of other tests too."""
    async with running_service(ActivitiesSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture
async def tenant(service: Kit) -> SeededTenant:
    """Return a tenant whose reminders are the only ones."""
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM activities")
    return await service.seed_tenant()


async def test_it_comes_once_and_not_before_its_time(service: Kit, tenant: SeededTenant) -> None:
    task = await add(service, tenant, subject="call back", remind_at=NOON.isoformat())
    before = read_metrics()
    assert await give_all(service, FixedClock(NOON - timedelta(microseconds=1))) == 0
    assert await give_all(service, FixedClock(NOON)) == 1
    assert await give_all(service, FixedClock(NOON + timedelta(days=1))) == 0

    logged, reminded = await service.take_events(tenant.id)
    assert (logged.type, reminded.type) == ("crm.activity.logged", "crm.activity.reminded")
    assert (reminded.version, reminded.actor_id) == (2, None)
    at = "2026-11-20T12:00:00Z"
    assert reminded.state == {**task, "version": 2, "reminded_at": at, "updated_at": at}
    assert reminded.changed == {"reminded_at": {"from": None, "to": at}}
    rep = service.client(tenant.rep)
    assert require_ok(await rep.get(f"{PATH}/{task['id']}")) == reminded.state
    changes = require_ok(await rep.get(f"{PATH}/{task['id']}/changes"))["items"]
    assert [change["version"] for change in changes] == [2, 1]
    # Written by a clock that is ahead of this one: it came in no time, and the sum does not go down.
    assert [after - earlier for earlier, after in zip(before, read_metrics(), strict=True)] == [1, 1, 0]


@pytest.mark.parametrize("type_", ["TASK", "MEETING", "CALL", "EMAIL", "NOTE"])
async def test_a_time_that_is_past_when_it_is_written_comes_at_once(
    service: Kit, tenant: SeededTenant, type_: str
) -> None:
    activity = await add(service, tenant, type=type_, remind_at="1900-01-01T00:00:00Z")
    assert await give_all(service) == 1
    (event,) = await take_reminders(service, tenant)
    assert str(event.aggregate_id) == activity["id"]


async def test_what_is_done_or_deleted_reminds_nobody_until_it_is_open_again(
    service: Kit, tenant: SeededTenant
) -> None:
    rep = service.client(tenant.rep)
    done, deleted, logged_done = [
        await add(service, tenant, subject=subject, remind_at=NOON.isoformat(), **fields)
        for subject, fields in (("done", {}), ("deleted", {}), ("history", {"completed_at": NOON.isoformat()}))
    ]
    require_ok(await rep.post(f"{PATH}/{done['id']}/complete"))
    assert (await rep.delete(f"{PATH}/{deleted['id']}")).status_code == 204
    assert await give_all(service) == 0

    require_ok(await rep.post(f"{PATH}/{done['id']}/reopen"))
    require_ok(await rep.post(f"{PATH}/{deleted['id']}/restore"))
    require_ok(await rep.patch(f"{PATH}/{logged_done['id']}", json={"completed_at": None}))
    assert await give_all(service) == 3
    for task in (done, deleted):
        for act in ("complete", "reopen"):
            require_ok(await rep.post(f"{PATH}/{task['id']}/{act}"))
    assert await give_all(service) == 0
    assert len(await take_reminders(service, tenant)) == 3


async def test_a_changed_time_reminds_again_and_the_same_does_not(service: Kit, tenant: SeededTenant) -> None:
    rep = service.client(tenant.rep)
    path = f"{PATH}/{(await add(service, tenant, remind_at=NOON.isoformat()))['id']}"
    assert await give_all(service) == 1
    require_ok(await rep.patch(path, json={"remind_at": "2026-11-20T13:00:00+01:00", "subject": "another"}))
    assert await give_all(service) == 0
    changed = require_ok(await rep.patch(path, json={"remind_at": (NOON + SECOND).isoformat()}))
    assert changed["reminded_at"] is None
    assert await give_all(service, FixedClock(NOON)) == 0
    assert await give_all(service) == 1
    require_ok(await rep.patch(path, json={"remind_at": None}))
    assert await give_all(service) == 0
    assert [event.version for event in await take_reminders(service, tenant)] == [2, 5]


async def test_a_reminder_of_an_erased_contact_says_nothing_of_them(service: Kit, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id)
    await keep_replicas([contact.publish()], service.database)
    await add(service, tenant, subject="secret", contact_id=str(contact.id), remind_at=NOON.isoformat())
    erased = contact.erase()
    await keep_replicas([erased], service.database)
    await forget_contacts([erased], service.database, SystemClock())
    assert await give_all(service) == 1
    (event,) = await take_reminders(service, tenant)
    assert (event.version, event.state["subject"]) == (3, None)


async def test_workers_share_what_is_due(service: Kit, tenant: SeededTenant) -> None:
    ids = await add_many(service, tenant, 1500, NOON)
    given = await asyncio.gather(*(give_all(service) for _ in range(4)))
    assert sum(given) + await give_all(service) == len(ids)
    await require_once(service, tenant, ids)


@pytest.mark.parametrize("is_foreseen", [False, True])
async def test_a_killed_worker_leaves_nothing_half_done(
    service: Kit, tenant: SeededTenant, *, is_foreseen: bool
) -> None:
    ids = await add_many(service, tenant, 3000, datetime.now(UTC) + 3 * SECOND if is_foreseen else NOON)
    environment = {**os.environ, "CRM_ACTIVITIES_WORKER_DSN": service.settings.worker_dsn.get_secret_value()}
    left = len(ids)

    async def count_left() -> int:
        async with service.database.read_as_worker() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM activities WHERE reminded_at IS NULL"))

    for _ in range(2):
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, env=environment)
        before = left

        async def is_under_way(before: int = before) -> bool:
            return await count_left() < before

        try:
            await wait_until(is_under_way, poll_s=0)
        finally:
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        left = await count_left()
    assert left > 0

    async with reminding(service.database, SystemClock(), Backpressure.of(service.settings, service.database)):

        async def is_done() -> bool:
            return await count_left() == 0

        await wait_until(is_done)
    await require_once(service, tenant, ids)


async def test_a_tenant_with_many_lets_others_pass(
    service: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LOOKED_AT", 100)
    monkeypatch.setattr(scheduler, "BATCH_RECORDS", 10)
    others = [await service.seed_tenant() for _ in range(12)]
    await add_many(service, tenant, 200, NOON)
    for other in others:
        await add_many(service, other, 1, NOON + timedelta(minutes=1))
    reminders = make_reminders(service)
    rounds = [await reminders.give_due() for _ in range(2)]

    assert sum(rounds) <= 2 * 10
    for other in others:
        assert len(await take_reminders(service, other)) == 1


async def test_tenants_that_share_batches_unevenly_get_all_that_is_due_in_one_round(
    service: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "BATCH_RECORDS", 10)
    monkeypatch.setattr(scheduler, "SOME_LEFT", 5)
    tenants = [tenant, await service.seed_tenant(), await service.seed_tenant()]
    given = {one.id: await add_many(service, one, 12, NOON) for one in tenants}

    assert await make_reminders(service).run_round()
    for one in tenants:
        await require_once(service, one, given[one.id])


async def test_a_race_with_changes_gives_each_time_at_most_once_and_the_last_one(
    service: Kit, tenant: SeededTenant
) -> None:
    ids = sorted(await add_many(service, tenant, 12, NOON))
    rep, is_over = service.client(tenant.rep), asyncio.Event()

    async def remind() -> None:
        while not is_over.is_set():
            await make_reminders(service).give_due()

    async def change(task_id: UUID) -> None:
        for number in range(1, 8):
            body = {"remind_at": (NOON + number * SECOND).isoformat()}
            require_ok(await rep.patch(f"{PATH}/{task_id}", json=body))

    workers = [asyncio.create_task(remind()) for _ in range(2)]
    await asyncio.gather(*(change(task_id) for task_id in ids))
    is_over.set()
    await asyncio.gather(*workers)
    await give_all(service)

    given = Counter((event.aggregate_id, event.state["remind_at"]) for event in await take_reminders(service, tenant))
    assert set(given.values()) == {1}
    for task_id in ids:
        assert given[task_id, "2026-11-20T12:00:07Z"] == 1


async def test_one_written_for_the_next_moment_is_not_slept_over(service: Kit, tenant: SeededTenant) -> None:
    await add(service, tenant, remind_at="2200-01-01T00:00:00Z")
    async with reminding(service.database, SystemClock(), Backpressure.of(service.settings, service.database)):
        remind_at = datetime.now(UTC) + SECOND / 2
        task = await add(service, tenant, remind_at=remind_at.isoformat())

        async def is_reminded() -> bool:
            state = require_ok(await service.client(tenant.rep).get(f"{PATH}/{task['id']}"))
            return state["reminded_at"] is not None

        await wait_until(is_reminded)
    (event,) = await take_reminders(service, tenant)
    assert datetime.fromisoformat(event.state["reminded_at"]) >= remind_at


async def test_more_than_a_burst_waits_for_its_readers(
    service: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "UNPACED", BATCH_RECORDS)
    monkeypatch.setattr(scheduler, "AT_ONCE", 0)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM outbox")
    ids = await add_many(service, tenant, 3 * BATCH_RECORDS, NOON)
    backpressure = Backpressure.of(
        service.settings.model_copy(update={"bulk_outbox_rows": BATCH_RECORDS}), service.database
    )
    reminders = Reminders(service.database, SystemClock(), backpressure)
    assert await reminders.run_round()
    running = asyncio.create_task(reminders.run_round())

    async def has_given_two_batches() -> bool:
        async with service.database.read_as_worker() as connection:
            return bool(await connection.fetchval("SELECT count(*) = $1 FROM outbox", 2 * BATCH_RECORDS))

    await wait_until(has_given_two_batches)
    assert not running.done()
    sent = await take_many(service, tenant)
    await running
    await reminders.run_round()
    sent += await take_many(service, tenant)
    assert sorted(sent) == sorted(ids)


async def test_a_batch_reads_what_it_takes_and_no_more(service: Kit, tenant: SeededTenant) -> None:
    """Of a table that statistics know nothing of, PostgreSQL would read all rows for each batch."""
    await add_many(service, tenant, 2000, NOON)
    async with service.database.begin_as_worker() as transaction:
        taken = await repository.take_due(transaction, [tenant.id], each=100, now=NOON + 60 * SECOND)
        parameters = [tenant.id] * len(taken), [activity.id for _, activity in taken], NOON
        plan = await explain(transaction, repository.NOTE_REMINDED, *parameters)
    assert (len(taken), set(list_reads(plan, "activities"))) == (100, {"ModifyTable", "Tid Scan", "activities_pkey"})
