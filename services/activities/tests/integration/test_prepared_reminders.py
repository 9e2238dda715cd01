"""Reminders made ready before their time: once, as the activity then is, whoever writes or works meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

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
    take_reminders,
)

from crm_activities.app import make_app
from crm_activities.consumers import forget_contacts, keep_replicas
from crm_activities.reminders import preparing, repository
from crm_activities.reminders.prepared import prepare
from crm_activities.reminders.scheduler import BATCH_RECORDS, Reminders
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import FixedClock, SystemClock
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.query_plans import explain, list_reads
from crm_testing.service_kit import ServiceKit, running_service

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
SECOND = timedelta(seconds=1)


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


@pytest.fixture
def clock() -> FixedClock:
    """Stand five seconds before the reminders' time."""
    return FixedClock(NOON - 5 * SECOND)


async def prepare_all(reminders: Reminders) -> None:
    while await reminders.prepare():
        pass


async def test_it_says_at_its_time_what_it_says_unprepared(
    service: Kit, tenant: SeededTenant, clock: FixedClock
) -> None:
    task = await add(service, tenant, subject='call "back"', remind_at=NOON.isoformat())
    reminders, before = make_reminders(service, clock), read_metrics()
    await prepare_all(reminders)
    clock.at = NOON - timedelta(microseconds=1)
    assert await reminders.give_prepared() == 0
    clock.at = NOON + SECOND / 8
    assert await reminders.give_prepared() == 1
    assert [await reminders.give_prepared(), await reminders.give_due()] == [0, 0]

    _, reminded = await service.take_events(tenant.id)
    assert (reminded.type, reminded.version, reminded.actor_id) == ("crm.activity.reminded", 2, None)
    at = "2026-11-20T12:00:00.125000Z"
    assert reminded.state == {**task, "version": 2, "reminded_at": at, "updated_at": at}
    assert reminded.changed == {"reminded_at": {"from": None, "to": at}}
    rep = service.client(tenant.rep)
    assert require_ok(await rep.get(f"{PATH}/{task['id']}")) == reminded.state
    changes = require_ok(await rep.get(f"{PATH}/{task['id']}/changes"))["items"]
    assert (changes[0]["version"], changes[0]["changed_at"]) == (2, at)
    # Written by a clock that is ahead of this one: it came in no time, and the sum does not go down.
    assert [after - earlier for earlier, after in zip(before, read_metrics(), strict=True)] == [1, 1, 0]


async def test_what_is_written_meanwhile_is_told_as_it_is_then(
    service: Kit, tenant: SeededTenant, clock: FixedClock
) -> None:
    rep, soon = service.client(tenant.rep), (NOON + SECOND).isoformat()
    edited, moved, cleared, done, deleted = [
        f"{PATH}/{(await add(service, tenant, subject='before', remind_at=NOON.isoformat()))['id']}" for _ in range(5)
    ]
    reminders = make_reminders(service, clock)
    await prepare_all(reminders)
    require_ok(await rep.patch(edited, json={"subject": "after"}))
    require_ok(await rep.patch(moved, json={"remind_at": soon}))
    require_ok(await rep.patch(cleared, json={"remind_at": None}))
    require_ok(await rep.post(f"{done}/complete"))
    assert (await rep.delete(deleted)).status_code == 204
    clock.at = NOON
    assert [await reminders.give_prepared(), await reminders.give_due()] == [0, 1]
    (event,) = await take_reminders(service, tenant)
    assert (f"{PATH}/{event.aggregate_id}", event.version, event.state["subject"]) == (edited, 3, "after")

    clock.at = NOON + SECOND
    assert [await reminders.give_prepared(), await reminders.give_due()] == [0, 1]
    assert [f"{PATH}/{event.aggregate_id}" for event in await take_reminders(service, tenant)] == [moved]


async def test_what_was_prepared_of_a_contact_who_is_erased_is_never_sent(
    service: Kit, tenant: SeededTenant, clock: FixedClock
) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id)
    await keep_replicas([contact.publish()], service.database)
    await add(service, tenant, subject="secret", contact_id=str(contact.id), remind_at=NOON.isoformat())
    reminders = make_reminders(service, clock)
    await prepare_all(reminders)
    erased = contact.erase()
    await keep_replicas([erased], service.database)
    await forget_contacts([erased], service.database, SystemClock())
    clock.at = NOON
    assert [await reminders.give_prepared(), await reminders.give_due()] == [0, 1]
    (event,) = await take_reminders(service, tenant)
    assert (event.version, event.state["subject"]) == (3, None)


async def test_one_that_is_locked_is_passed_over_and_given_when_it_is_free(
    service: Kit, tenant: SeededTenant, clock: FixedClock
) -> None:
    first, second = sorted(await add_many(service, tenant, 2, NOON))
    reminders = make_reminders(service, clock)
    await prepare_all(reminders)
    clock.at = NOON + SECOND
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("SELECT FROM activities WHERE id = $1 FOR UPDATE", first)
        assert [await reminders.give_prepared(), await reminders.give_due()] == [1, 0]
    assert [await reminders.give_prepared(), await reminders.give_due()] == [0, 1]
    await require_once(service, tenant, {first, second})


async def test_workers_that_have_all_made_ready_the_same_give_each_once(
    service: Kit, tenant: SeededTenant, clock: FixedClock
) -> None:
    ids = await add_many(service, tenant, 3 * BATCH_RECORDS, NOON)
    workers = [make_reminders(service, clock) for _ in range(3)]
    for worker in workers:
        await prepare_all(worker)
    clock.at = NOON + 2 * SECOND
    given = await asyncio.gather(*(worker.give_prepared() for worker in workers))
    assert sum(given) + await give_all(service) == len(ids)
    await require_once(service, tenant, ids)


async def test_a_round_makes_ready_what_is_next_and_gives_it(
    service: Kit, tenant: SeededTenant, clock: FixedClock
) -> None:
    ids = await add_many(service, tenant, BATCH_RECORDS + 1, NOON)
    reminders = make_reminders(service, clock)
    for _ in range(2):
        assert await reminders.run_round()
    clock.at = NOON + SECOND
    assert await reminders.give_prepared() == len(ids)
    await require_once(service, tenant, ids)


@pytest.mark.parametrize("limit", [{"MOST_PREPARED": 3}, {"MOST_BYTES": 1500}])
async def test_what_there_is_no_room_for_is_given_as_if_unforeseen(
    service: Kit, tenant: SeededTenant, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, limit: dict[str, Any]
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(preparing, name, value)
    ids = await add_many(service, tenant, 10, NOON)
    reminders = make_reminders(service, clock)
    await prepare_all(reminders)
    clock.at = NOON + SECOND
    prepared = await reminders.give_prepared()
    assert 0 < prepared <= 3
    assert await reminders.give_due() == len(ids) - prepared
    await require_once(service, tenant, ids)


async def test_where_there_was_no_room_the_next_are_made_ready_once_there_is(
    service: Kit, tenant: SeededTenant, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "MOST_PREPARED", 3)
    ids = await add_many(service, tenant, 6, NOON)
    reminders = make_reminders(service, clock)
    for last_ms in (2, 5):
        await prepare_all(reminders)
        clock.at = NOON + timedelta(milliseconds=last_ms)
        assert await reminders.give_prepared() == 3
        clock.at = NOON - 5 * SECOND
    await require_once(service, tenant, ids)


async def test_what_comes_is_read_off_an_index_and_what_is_ready_written_by_its_key(
    service: Kit, tenant: SeededTenant
) -> None:
    """Of a table that statistics know nothing of, PostgreSQL would look through all that are due for each of them."""
    await add_many(service, tenant, 2000, NOON)
    until = NOON + 60 * SECOND
    async with service.database.begin_as_worker() as transaction:
        keys = [key for _, key in await repository.list_coming(transaction, NOON, until, at_most=100)]
        activities = await repository.read_many(transaction, keys)
        ready = [one for tenant_id, activity in activities if (one := prepare(tenant_id, activity)) is not None]
        columns = [list(column) for column in zip(*keys, strict=True)]
        plans = [
            await explain(transaction, repository.LIST_COMING, NOON, until, 100),
            await explain(transaction, repository.READ_MANY, *columns),
            await explain(
                transaction,
                repository.NOTE_PREPARED,
                *columns,
                [one.version for one in ready],
                [one.updated_at for one in ready],
                NOON,
            ),
        ]
    assert len(ready) == 100
    reads: list[set[Any]] = [set(list_reads(plan, "activities")) for plan in plans]
    assert reads == [{"activities_to_remind"}, {"activities_pkey"}, {"ModifyTable", "Tid Scan", "activities_pkey"}]
