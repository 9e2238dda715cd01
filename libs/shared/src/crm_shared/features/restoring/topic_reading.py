"""Reads what a service told of since a moment, off its own topics."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.topics import list_partitions
from crm_shared.contracts import BadRecord, Event, decode
from crm_shared.kafka_access import Kafka

CHUNK_RECORDS: Final = 500
FETCH_TIMEOUT_MS: Final = 1000


async def read_since(kafka: Kafka, topics: Sequence[str], moment: datetime) -> AsyncIterator[list[Event]]:
    """Yield the events that were written to `topics` from `moment` until now, some hundreds at a time.

    Tombstones and what can't be read are passed over. Raises KafkaError.
    """
    partitions = await list_partitions(kafka, topics)
    if not partitions:
        return
    consumer = make_consumer(kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        unread = await _seek(consumer, ends, await find_offsets(consumer, partitions, moment))
        while unread:
            fetched = await consumer.getmany(*unread, timeout_ms=FETCH_TIMEOUT_MS, max_records=CHUNK_RECORDS)
            events: list[Event] = []
            for records in fetched.values():
                for record in records:
                    try:
                        events.append(decode(record.key, record.value, record.headers, topic=record.topic))
                    except BadRecord:
                        continue
            if events:
                yield events
            unread = [partition for partition in unread if await consumer.position(partition) < ends[partition]]
    finally:
        await consumer.stop()


async def find_offsets(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], moment: datetime
) -> dict[TopicPartition, int]:
    """Return the first offset at or after `moment` in each partition that has one."""
    at_ms = max(0, int(moment.timestamp() * 1000))  # Kafka knows no moment before 1970
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, at_ms))
    return {partition: at.offset for partition, at in found.items() if at is not None}


async def _seek(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], begins: Mapping[TopicPartition, int]
) -> list[TopicPartition]:
    """Go to where reading begins, and return the partitions in which there is anything to read."""
    for partition, offset in begins.items():
        consumer.seek(partition, offset)
    return [partition for partition, offset in begins.items() if offset < ends[partition]]
