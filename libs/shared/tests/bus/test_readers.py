"""Bulk work waits for readers: how far each is behind, those that never read, and Kafka away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.readers import Readers
from crm_shared.bus.topics import list_partitions
from crm_shared.transient import DependencyUnavailable
from crm_testing.records import RawRecord, make_topic, write_records
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

NOWHERE = "127.0.0.1:9"


@asynccontextmanager
async def committing(kafka_bootstrap: str, group_id: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = make_consumer(kafka_bootstrap, group_id=group_id, enable_auto_commit=False)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def is_known(readers: Readers) -> bool:
    """Return whether the broker, which may have just started, keeps groups yet."""
    try:
        await readers.count_behind()
    except DependencyUnavailable:
        return False
    return True


async def test_each_reader_is_as_far_behind_as_records_are_before_it(
    kafka_bootstrap: str, topic: str, group_id: str
) -> None:
    other_topic = await make_topic(kafka_bootstrap)
    readers = Readers(kafka_bootstrap, [group_id, "never.seen"], [topic, other_topic])
    first, second = await list_partitions(kafka_bootstrap, [topic])
    async with committing(kafka_bootstrap, group_id) as consumer:
        try:
            await wait_until(partial(is_known, readers))
            assert await readers.count_behind() == {}
            keys = [f"k{number}".encode() for number in range(20)]
            await write_records(kafka_bootstrap, topic, [RawRecord(key, b"v") for key in keys])
            await write_records(kafka_bootstrap, other_topic, [RawRecord(b"k", b"v")] * 3)
            consumer.assign([first, second])
            ends = await consumer.end_offsets([first, second])
            # A partition of which it has committed nothing, it has yet to read; a topic, it may not read at all.
            await consumer.commit({first: ends[first] - 1})
            assert await readers.count_behind() == {group_id: 1 + ends[second]}
            await consumer.commit({first: ends[first], second: ends[second]})
            assert await readers.count_behind() == {group_id: 0}
            (other,) = await list_partitions(kafka_bootstrap, [other_topic])
            consumer.assign([other])
            await consumer.commit({other: 1})
            assert await readers.count_behind() == {group_id: 2}
        finally:
            await readers.close()


async def test_while_kafka_is_away_nobody_knows() -> None:
    readers = Readers(NOWHERE, ["any"], ["crm.contact"], timeout_s=0.5)
    with pytest.raises(DependencyUnavailable):
        await readers.count_behind()
    await readers.close()
