"""The relay against raw aiokafka batches of the same records; and commit to handler against produce to consume."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from benchmarks.arena import Arena, Row
from benchmarks.load import percentile
from benchmarks.size import sized
from crm_shared.bus import subscribe
from crm_shared.bus.producers import producing
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.worker import Worker
from crm_shared.clock import new_id
from crm_shared.contracts import Event, OutboxEvent, new_event
from crm_shared.database import Database
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.publishing import publish
from crm_testing.records import read_ends

EVENTS, CHUNK, ROUNDS = sized((60_000, 2000, 3), tiny=(400, 100, 1))
SAMPLES = sized(400, tiny=10)


def make_event(tenant_id: UUID, number: int) -> OutboxEvent:
    """Make a company's event of usual size: contacts' relay is what is measured."""
    now = datetime.now(UTC)
    company_id = new_id()
    state = {
        "id": company_id, "version": 1, "name": f"Company {number}", "domain": f"c{number}.example", "industry": "IT",
        "size": "51-200", "website": "https://c.example", "owner_id": tenant_id, "tags": ["bench", "relay"],
        "custom_data": {}, "deleted_at": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return new_event(
        aggregate="company", aggregate_id=company_id, verb="created", version=1, tenant_id=tenant_id, occurred_at=now,
        state=state, changed=None, actor_id=tenant_id,
    )  # fmt: skip


async def run(arena: Arena) -> list[Row]:
    database = await Database.open(arena.worker_dsn, max_size=4)
    try:
        return [await _measure_throughput(arena, database), await _measure_latency(arena, database)]
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _relaying(arena: Arena) -> AsyncIterator[None]:
    relay = Relay(RelaySettings(arena.worker_dsn, arena.kafka_bootstrap, "contacts"))
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        relay.stop()
        await task


async def _measure_throughput(arena: Arena, database: Database) -> Row:
    ours, raw = [], []
    for _ in range(ROUNDS):
        events = [make_event(arena.tenant.id, number) for number in range(EVENTS)]
        async with database.begin_as_worker() as transaction:
            for start in range(0, EVENTS, CHUNK):
                await publish(transaction, events[start : start + CHUNK], audited=False)
        began_s = time.perf_counter()
        async with _relaying(arena):
            await _wait_until_empty(database)
            ours.append(EVENTS / (time.perf_counter() - began_s))
        raw.append(await _send_raw(arena, events))
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, raw, strict=True))
    return Row(
        f"relay of {EVENTS:,} rows, its start included",
        f"{statistics.median(ours):,.0f} events/s",
        f"aiokafka send_batch, keyed: {statistics.median(raw):,.0f} records/s",
        ratio,
        0.5,
    )


async def _wait_until_empty(database: Database) -> None:
    async with database.read_as_worker() as connection:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):  # noqa: ASYNC110 - a table has no event
            await asyncio.sleep(0.005)


async def _send_raw(arena: Arena, events: list[OutboxEvent]) -> float:
    """Send the same records from memory: headers, aiokafka's own partitioner, full batches, idempotent and acks=all."""
    async with producing(arena.kafka_bootstrap, client_id="bench-raw") as producer:
        partitions = sorted(await producer.partitions_for("crm.company"))
        partition_of = DefaultPartitioner()
        began_s = time.perf_counter()
        under_way: list[asyncio.Future[object]] = []
        for start in range(0, EVENTS, CHUNK):
            groups: dict[int, list[OutboxEvent]] = {}
            for event in events[start : start + CHUNK]:
                key = str(event.aggregate_id).encode()
                groups.setdefault(partition_of(key, partitions, partitions), []).append(event)
            for partition, group in groups.items():
                under_way += await _send_batches(producer, partition, group)
        await asyncio.gather(*under_way)
        return EVENTS / (time.perf_counter() - began_s)


async def _send_batches(
    producer: AIOKafkaProducer, partition: int, events: list[OutboxEvent]
) -> list["asyncio.Future[object]"]:
    under_way: list[asyncio.Future[object]] = []
    batch = producer.create_batch()
    for event in events:
        record = {"key": str(event.aggregate_id).encode(), "value": event.payload, "headers": event.headers()}
        if batch.append(timestamp=None, **record) is None:
            batch.close()
            under_way.append(await producer.send_batch(batch, "crm.company", partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, **record)
    batch.close()
    under_way.append(await producer.send_batch(batch, "crm.company", partition=partition))
    return under_way


async def _measure_latency(arena: Arena, database: Database) -> Row:
    """Commit one event, wait for its handler, again and again: outbox, relay, Kafka, worker."""
    arrived: dict[UUID, asyncio.Future[float]] = {}

    @subscribe("crm.company", group_id=f"bench.latency-{new_id().hex[:8]}")
    async def note(batch: list[Event]) -> None:
        for event in batch:
            if event.aggregate_id in arrived:
                arrived[event.aggregate_id].set_result(time.perf_counter())

    worker = Worker(ConsumerSettings(arena.kafka_bootstrap, "bench"), [note.bind()])
    task = asyncio.create_task(worker.run())
    ours: list[float] = []
    async with _relaying(arena):
        for number in range(SAMPLES + 20):
            event = make_event(arena.tenant.id, number)
            waiting = arrived[event.aggregate_id] = asyncio.get_running_loop().create_future()
            async with database.begin_as_worker() as transaction:
                await publish(transaction, [event], audited=False)
            committed_s = time.perf_counter()
            handled_s = await asyncio.wait_for(waiting, 60)
            if number >= 20:  # the first ones wait for the group's assignment and old records
                ours.append((handled_s - committed_s) * 1000)
    worker.stop()
    await task
    raw = await _measure_raw_latency(arena)
    return Row(
        "commit to handler, one at a time",
        _describe(ours),
        f"produce to consume: {_describe(raw)}",
    )


async def _measure_raw_latency(arena: Arena) -> list[float]:
    consumer = AIOKafkaConsumer("crm.company", bootstrap_servers=arena.kafka_bootstrap, auto_offset_reset="latest")
    await consumer.start()
    taken: list[float] = []
    try:
        for partition, end in (await read_ends(arena.kafka_bootstrap, "crm.company")).items():
            consumer.seek(next(p for p in consumer.assignment() if p.partition == partition), end)
        async with producing(arena.kafka_bootstrap, client_id="bench-raw") as producer:
            for number in range(SAMPLES):
                event = make_event(arena.tenant.id, number)
                began_s = time.perf_counter()
                await producer.send(
                    "crm.company", event.payload, key=str(event.aggregate_id).encode(), headers=event.headers()
                )
                await consumer.getone()
                taken.append((time.perf_counter() - began_s) * 1000)
    finally:
        await consumer.stop()
    return taken


def _describe(latencies_ms: list[float]) -> str:
    ordered = sorted(latencies_ms)
    return f"p50 {percentile(ordered, 0.5):.1f} ms, p99 {percentile(ordered, 0.99):.1f} ms"
