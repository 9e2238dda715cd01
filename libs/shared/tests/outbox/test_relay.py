"""What the relay promises on the real engines: every committed row once, in each aggregate's order, by one relay."""

import asyncio
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest
from aiokafka import ConsumerRecord

from crm_shared.bus.producers import MAX_RECORD_BYTES
from crm_shared.contracts import decode
from crm_shared.outbox.leader_election import LOCK_KEY
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.publishing import publish
from crm_shared.telemetry.traces import continue_trace
from crm_testing.outboxes import OutboxDatabase, make_deal_event
from crm_testing.records import RawRecord, make_topic, read_ends, read_topic, write_records
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Relaying = Callable[[], AbstractAsyncContextManager[Relay]]
Wait = Callable[[], Awaitable[None]]

RELAY_PROCESS = """
import asyncio, sys
from crm_shared.entry_points.processes import run_relay
from crm_shared.outbox.settings import RelaySettings
dsn, bootstrap = sys.argv[1:]
asyncio.run(run_relay(RelaySettings(dsn, bootstrap, "outboxtest"), http_host="127.0.0.1", http_port=0))
"""


@asynccontextmanager
async def relay_process(settings: RelaySettings) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = [sys.executable, "-c", RELAY_PROCESS, settings.dsn, str(settings.kafka)]
    process = await asyncio.create_subprocess_exec(*arguments)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_since(settings: RelaySettings, begin: dict[int, int]) -> list[ConsumerRecord]:
    return await read_topic(settings.kafka, "crm.deal", begin=begin)


async def read_at_least(settings: RelaySettings, begin: dict[int, int], count: int) -> list[ConsumerRecord]:
    async def has_enough() -> bool:
        return len(await read_since(settings, begin)) >= count

    await wait_until(has_enough, poll_s=0.05)
    return await read_since(settings, begin)


async def test_a_row_is_on_the_wire_as_the_contract_has_it(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    traceparent = continue_trace(None)
    event = make_deal_event(version=7)
    worker = await database.connect()
    await publish(worker, [event], audited=False)
    await worker.close()

    async with relaying():
        await wait_until_empty()

    (record,) = await read_since(settings, begin)
    assert list(record.headers) == event.headers(traceparent)
    assert record.value == event.payload
    assert record.key == str(event.aggregate_id).encode()
    assert decode(record.key, record.value, record.headers).version == 7


async def test_partitions_are_those_of_the_default_partitioner(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    events = [make_deal_event() for _ in range(60)]
    worker = await database.connect()
    await publish(worker, events, audited=False)
    await worker.close()
    async with relaying():
        await wait_until_empty()
    relayed = {record.key: record.partition for record in await read_since(settings, begin)}

    reference = await make_topic(settings.kafka, partitions=3)
    await write_records(settings.kafka, reference, [RawRecord.of(event) for event in events])

    assert relayed == {record.key: record.partition for record in await read_topic(settings.kafka, reference)}
    assert len(set(relayed.values())) == 3


async def test_a_row_with_a_lower_position_that_commits_later_is_not_missed(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    slow, quick = await database.connect(), await database.connect()
    first, second = make_deal_event(), make_deal_event()
    async with relaying():
        held = slow.transaction()
        await held.start()
        await publish(slow, [first], audited=False)
        await publish(quick, [second], audited=False)
        assert {record.key for record in await read_at_least(settings, begin, 1)} == {str(second.aggregate_id).encode()}
        await held.commit()
        await wait_until_empty()
    await slow.close()
    await quick.close()

    keys = {record.key for record in await read_since(settings, begin)}
    assert keys == {str(first.aggregate_id).encode(), str(second.aggregate_id).encode()}


async def test_each_aggregate_keeps_its_order_under_concurrent_writers_that_commit_slowly(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    deal_ids = [uuid.uuid4() for _ in range(5)]
    versions = dict.fromkeys(deal_ids, 0)
    locks = {deal_id: asyncio.Lock() for deal_id in deal_ids}  # a command's lock on the aggregate's row
    rounds = 25

    async def write(number: int) -> None:
        connection = await database.connect()
        for turn in range(rounds):
            deal_id = deal_ids[(number * 7 + turn * 3) % len(deal_ids)]
            async with locks[deal_id], connection.transaction():
                versions[deal_id] += 1
                await publish(connection, [make_deal_event(deal_id, version=versions[deal_id])], audited=False)
                await asyncio.sleep((number + turn) % 4 * 0.004)
        await connection.close()

    async with relaying():
        await asyncio.gather(*(write(number) for number in range(8)))
        await wait_until_empty()

    seen: dict[bytes, list[int]] = {}
    for record in await read_since(settings, begin):
        seen.setdefault(record.key, []).append(int(dict(record.headers)["ce_sequence"]))
    assert sum(len(found) for found in seen.values()) == 8 * rounds
    assert all(found == list(range(1, len(found) + 1)) for found in seen.values())


async def test_a_kill_between_sending_and_deleting_repeats_the_identical_record_and_nothing_else(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    admin = await database.connect_as_admin()
    caught, other = make_deal_event(), make_deal_event()
    await publish(admin, [caught], audited=False)
    lock = admin.transaction()
    await lock.start()
    await admin.fetch("SELECT 1 FROM outbox FOR UPDATE")  # the relay's delete waits for this, its read does not

    try:
        async with relay_process(settings) as process:
            await read_at_least(settings, begin, 1)
            await wait_for_blocked_delete(database)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        await terminate_relay_sessions(database)
        await lock.rollback()
        await publish(admin, [other], audited=False)
    finally:
        await admin.close()  # and so the lock goes, whatever happened

    async with relaying():
        await wait_until_empty()

    records = await read_since(settings, begin)
    assert len(records) == 3
    first, again = (record for record in records if record.key == str(caught.aggregate_id).encode())
    assert (first.value, first.headers, first.partition) == (again.value, again.headers, again.partition)


async def wait_for_blocked_delete(database: OutboxDatabase) -> None:
    admin = await database.connect_as_admin()

    async def is_blocked() -> bool:
        return bool(
            await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'crm-relay' AND wait_event_type = 'Lock' AND datname = current_database()"
            )
        )

    await wait_until(is_blocked)
    await admin.close()


async def terminate_relay_sessions(database: OutboxDatabase) -> None:
    admin = await database.connect_as_admin()
    await admin.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'crm-relay' AND datname = current_database()"
    )
    await admin.close()


async def count_leaders(database: OutboxDatabase) -> int:
    admin = await database.connect_as_admin()
    count: int = await admin.fetchval(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND application_name = 'crm-relay' AND datname = current_database()"
        "   AND ((classid::bigint << 32) | objid::bigint) = $1",
        LOCK_KEY,
    )
    await admin.close()
    return count


async def test_of_two_relays_one_leads_and_the_other_takes_over(
    database: OutboxDatabase, settings: RelaySettings, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    worker = await database.connect()
    relays = [Relay(settings), Relay(settings)]
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    await publish(worker, [make_deal_event() for _ in range(100)], audited=False)
    await wait_until_empty()
    assert await count_leaders(database) == 1

    await terminate_relay_sessions(database)  # both lose theirs; one must lead again
    await publish(worker, [make_deal_event() for _ in range(100)], audited=False)
    async with asyncio.timeout(20):
        await wait_until_empty()
    assert await count_leaders(database) == 1

    leader = next(relay for relay, task in zip(relays, tasks, strict=True) if relay.is_leader)
    leader.stop()
    await publish(worker, [make_deal_event()], audited=False)
    async with asyncio.timeout(20):
        await wait_until_empty()
    for relay in relays:
        relay.stop()
    await asyncio.gather(*tasks)
    await worker.close()
    assert len({record.key for record in await read_since(settings, begin)}) == 201


async def test_a_record_too_large_for_kafka_stays_while_the_others_go_on(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    worker = await database.connect()
    huge = make_deal_event(name="x" * (MAX_RECORD_BYTES + 200_000))
    await publish(worker, [huge, make_deal_event()], audited=False)

    async def is_all_but_one_gone() -> bool:
        return bool(await worker.fetchval("SELECT count(*) = 1 FROM outbox"))

    async with relaying():
        await read_at_least(settings, begin, 1)
        await publish(worker, [make_deal_event()], audited=False)
        records = await read_at_least(settings, begin, 2)
        await wait_until(is_all_but_one_gone)
    assert await worker.fetchval("SELECT id FROM outbox") == huge.id
    assert len(records) == 2
    await worker.close()


async def test_records_of_a_megabyte_pass(
    database: OutboxDatabase, settings: RelaySettings, relaying: Relaying, wait_until_empty: Wait
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    deal_id = uuid.uuid4()
    worker = await database.connect()
    await publish(
        worker, [make_deal_event(deal_id, version=v, name="x" * 1_000_000) for v in range(1, 6)], audited=False
    )
    await worker.close()
    async with relaying():
        await wait_until_empty()
    records = await read_since(settings, begin)
    assert [int(dict(record.headers)["ce_sequence"]) for record in records] == [1, 2, 3, 4, 5]


async def test_sigterm_ends_the_process_with_nothing_left_undone(
    database: OutboxDatabase, settings: RelaySettings
) -> None:
    begin = await read_ends(settings.kafka, "crm.deal")
    worker: asyncpg.Connection = await database.connect()
    await publish(worker, [make_deal_event() for _ in range(3000)], audited=False)
    async with relay_process(settings) as process:
        await read_at_least(settings, begin, 1)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    left = await worker.fetchval("SELECT count(*) FROM outbox")
    await worker.close()
    assert len(await read_since(settings, begin)) + left == 3000
