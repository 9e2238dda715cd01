"""Imports are taken in turn, tenants first, and each waits while what it feeds is behind, saying so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from services.contacts.tests.integration.importing import Kit, make_runner, upload

from crm_shared.bus.readers import Readers
from crm_shared.bus.topics import list_partitions
from crm_shared.features.imports.write.running import ImportRunner
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.records import RawRecord, make_topic, write_records
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

ROWS = 12
NOWHERE = "127.0.0.1:9"


def to_file(rows: int, domain: str = "acme.example") -> str:
    return "email\n" + "".join(f"p{number}@{domain}\n" for number in range(rows))


async def begin(kit: Kit, person: Person, rows: int, domain: str = "acme.example") -> str:
    return str(require_ok(await upload(kit.client(person), to_file(rows, domain)), 201)["id"])


async def wait_for(kit: Kit, person: Person, import_id: str, *, rows: int = 0, status: str = "") -> None:
    async def is_there() -> bool:
        job = require_ok(await kit.client(person).get(f"/v1/imports/{import_id}"))
        return job["counts"]["rows"] >= rows and status in {"", job["status"]}

    await wait_until(is_there)


async def wait_until_reported(kit: Kit, person: Person, import_id: str, reason: str) -> None:
    async def is_published() -> bool:
        job = require_ok(await kit.client(person).get(f"/v1/imports/{import_id}"))
        return job["waits_for"] is not None and reason in job["waits_for"]

    await wait_until(is_published)


@asynccontextmanager
async def running(runner: ImportRunner) -> AsyncIterator["asyncio.Task[int]"]:
    task = asyncio.create_task(runner.run_waiting())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def kit(contacts: Kit) -> Kit:
    """Return the service without what other tests have left to send or to import."""
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM outbox")
        await transaction.execute("DELETE FROM imports")
    return contacts


async def test_others_are_carried_out_while_one_waits(kit: Kit, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    large = await begin(kit, tenant.rep, ROWS)
    async with running(make_runner(kit, chunk_rows=4, bulk_outbox_rows=3, import_poll_s=0.1)):
        await wait_until_reported(kit, tenant.rep, large, "the relay: more than 3 records")
        for person in (neighbour.rep, tenant.manager):
            small = await begin(kit, person, 1, "own.example")
            await wait_for(kit, person, small, status="COMPLETED")
    job = require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{large}"))
    assert (job["status"], job["counts"]["rows"]) == ("RUNNING", 4)


async def test_one_lane_goes_round_and_each_import_is_whole(
    kit: Kit, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    large = await begin(kit, tenant.rep, 600)
    other = await begin(kit, tenant.rep, 1, "later.example")
    runner = make_runner(kit, chunk_rows=20, import_lanes=1, import_turn_s=0.0, import_poll_s=0.1)
    async with running(runner) as task:
        await wait_for(kit, tenant.rep, large, rows=20)
        small = await begin(kit, neighbour.rep, 1)
        await wait_for(kit, neighbour.rep, small, status="COMPLETED")
        state = require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{large}"))
        assert state["status"] == "RUNNING"
        # One user's imports stay in their order: the second file may name what the first one brings.
        assert require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{other}"))["status"] == "QUEUED"
        await task
    for import_id, rows in ((large, 600), (other, 1)):
        job = require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{import_id}"))
        assert (job["status"], job["counts"]["created"], job["waits_for"]) == ("COMPLETED", rows, None)
    assert len(await kit.take_events(tenant.id)) == 601


async def test_an_import_pauses_while_a_reader_is_behind_and_goes_on_after_it(
    kit: Kit, tenant: SeededTenant, kafka_bootstrap: str
) -> None:
    topic, group_id = await make_topic(kafka_bootstrap), f"test.{uuid4().hex[:12]}"
    await write_records(kafka_bootstrap, topic, [RawRecord(b"k", b"v")] * 7)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=group_id, enable_auto_commit=False)
    await consumer.start()
    readers = Readers(kafka_bootstrap, [group_id, "never.seen"], [topic])
    try:
        (partition,) = await list_partitions(kafka_bootstrap, [topic])
        consumer.assign([partition])
        await consumer.commit({partition: 1})
        job = await begin(kit, tenant.rep, ROWS)
        runner = make_runner(kit, chunk_rows=4, readers=readers, bulk_readers_behind=5, import_poll_s=0.1)
        async with running(runner) as task:
            await wait_until_reported(kit, tenant.rep, job, f"{group_id}: 6 records behind")
            assert require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{job}"))["counts"]["rows"] == 4
            await consumer.commit({partition: 7})
            while not task.done():
                await kit.take_events(tenant.id)
                await asyncio.sleep(0.05)
        ended = require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{job}"))
        assert (ended["status"], ended["counts"]["created"], ended["waits_for"]) == ("COMPLETED", ROWS, None)
    finally:
        await readers.close()
        await consumer.stop()


async def test_while_kafka_is_away_only_first_rows_are_written(kit: Kit, tenant: SeededTenant) -> None:
    small, large = await begin(kit, tenant.rep, 3), await begin(kit, tenant.admin, ROWS, "large.example")
    readers = Readers(NOWHERE, ["search.index"], ["crm.contact"], timeout_s=0.5)
    async with running(make_runner(kit, chunk_rows=4, readers=readers, import_poll_s=0.1)):
        await wait_for(kit, tenant.rep, small, status="COMPLETED")
        await wait_until_reported(kit, tenant.admin, large, "Kafka: it does not answer")
        require_ok(await kit.client(tenant.admin).post(f"/v1/imports/{large}/cancel"))
    job = require_ok(await kit.client(tenant.admin).get(f"/v1/imports/{large}"))
    assert (job["status"], job["counts"]["rows"]) == ("CANCELLED", 4)


async def test_an_import_that_was_cancelled_while_it_waited_gives_its_lane_free(kit: Kit, tenant: SeededTenant) -> None:
    job = await begin(kit, tenant.rep, ROWS)
    async with running(make_runner(kit, chunk_rows=4, bulk_outbox_rows=3, import_poll_s=0.1)) as task:
        await wait_until_reported(kit, tenant.rep, job, "the relay")
        require_ok(await kit.client(tenant.rep).post(f"/v1/imports/{job}/cancel"))
        await asyncio.wait_for(task, timeout=60)


async def test_taking_back_waits_for_readers_too(kit: Kit, tenant: SeededTenant) -> None:
    job = await begin(kit, tenant.rep, ROWS)
    await make_runner(kit, chunk_rows=4).run_waiting()
    await kit.take_events(tenant.id)
    require_ok(await kit.client(tenant.rep).post(f"/v1/imports/{job}/revert"))
    async with running(make_runner(kit, bulk_outbox_rows=3, import_poll_s=0.1)) as task:
        await wait_until_reported(kit, tenant.rep, job, "the relay: more than 3 records")
        assert len(await kit.take_events(tenant.id)) == 4
        while not task.done():
            await kit.take_events(tenant.id)
            await asyncio.sleep(0.05)
    assert require_ok(await kit.client(tenant.rep).get(f"/v1/imports/{job}"))["status"] == "REVERTED"
