"""How quickly a worker takes in a tenant's deals from the bus, and bare code beside it: both from first row to last."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from benchmarks.arena import Arena
from crm_shared.bus import Subscription
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.topics import create_topics
from crm_shared.bus.worker import Worker

POLL_S = 0.01
WriteRaw = Callable[[asyncpg.Connection, Sequence[ConsumerRecord]], Awaitable[None]]


async def time_worker(
    arena: Arena, bound: Subscription, group: str, *, batch: int, total: int, count: Callable[[], Awaitable[int]]
) -> float:
    """Return events a second until `count` is `total`. Joining the group is not what is measured."""
    # Without its topic a letter waits for ever: beside other tests, bad records and erasures are on the topics too.
    await create_topics(arena.kafka_bootstrap, "bench", groups={group: bound.topics}, partitions=1, replication=1)
    subscription = replace(bound, group_id=group, max_records=batch)
    worker = Worker(ConsumerSettings(arena.kafka_bootstrap, "bench"), [subscription])
    task = asyncio.create_task(worker.run())
    first_s, first_count = 0.0, 0
    try:
        while (found := await count()) < total:
            if found and not first_s:
                first_s, first_count = time.perf_counter(), found
            await asyncio.sleep(POLL_S)
        return (total - first_count) / (time.perf_counter() - first_s) if first_s else 0.0
    finally:
        worker.stop()
        await task


async def time_raw(arena: Arena, group: str, *, batch: int, total: int, write: WriteRaw) -> float:
    """Return the same of `getmany` and `write`, which gets the tenant's records: other benchmarks tell of deals too."""
    consumer = AIOKafkaConsumer(
        "crm.deal",
        bootstrap_servers=arena.kafka_bootstrap,
        group_id=f"{group}.raw",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    connection = await asyncpg.connect(arena.worker_dsn)
    ours: tuple[str, Any] = ("ce_tenantid", str(arena.tenant.id).encode())
    done, first_s, first_count = 0, 0.0, 0
    try:
        while done < total:
            found = await consumer.getmany(timeout_ms=1000, max_records=batch)
            records = [record for partition in found.values() for record in partition if ours in record.headers]
            if not records:
                continue
            await write(connection, records)
            await consumer.commit()
            done += len(records)
            if not first_s:
                first_s, first_count = time.perf_counter(), done
        return (total - first_count) / (time.perf_counter() - first_s) if done > first_count else 0.0
    finally:
        await connection.close()
        await consumer.stop()
