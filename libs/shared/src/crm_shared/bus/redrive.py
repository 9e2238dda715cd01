"""Puts dead letters back on their topic, once what made them bad is mended."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.dead_letters import original_headers
from crm_shared.bus.producers import producing
from crm_shared.bus.topics import list_missing_topics, list_partitions
from crm_shared.contracts.topics import dead_letter_topic
from crm_shared.kafka_access import Kafka

logger = structlog.get_logger(__name__)

Progress = Callable[[int, int], None]
"""Called with the number of dead letters put back, and the number there were."""

CHUNK_RECORDS = 500

Letter = tuple[str, bytes | None]
"""What is told apart: topic and key."""

Buried = Mapping[Letter, int]
"""The offset of the last tombstone."""


async def redrive(kafka: Kafka, group_id: str, topics: Sequence[str], *, progress: Progress | None = None) -> int:
    """Put back every dead letter of `group_id` that is there now, with its first bytes, key and headers.

    Returns how many. Those set aside meanwhile (again, perhaps) wait for the next call. Interrupted, it goes on where
    it was: its own group `<group>.redrive` commits after each chunk that Kafka has. Raises KafkaError when Kafka is
    away, or does not let us.

    What a tombstone follows stays where it is: put back, an erased record's letter would be its topic's newest word.
    """
    sources = [dead_letter_topic(topic, group_id) for topic in topics]
    # `migrate` makes them, so one that is not there is one that this principal may not see.
    if missing := await list_missing_topics(kafka, sources):
        raise UnknownTopicOrPartitionError(f"not there, or not to be seen: {', '.join(missing)}")
    partitions = await list_partitions(kafka, sources)
    consumer = make_consumer(
        kafka, group_id=f"{group_id}.redrive", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await _start(consumer)
    try:
        async with producing(kafka, client_id=f"{group_id}.redrive") as producer:
            return await _put_back(
                consumer, producer, await _assign(consumer, partitions), dead_letter_topic("", group_id), progress
            )
    finally:
        await consumer.stop()


async def _start(consumer: AIOKafkaConsumer) -> None:
    try:
        await consumer.start()
    except BaseException:
        await consumer.stop()
        raise


async def _assign(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Take `partitions`, and give those with something to put back, with the offset to stop at."""
    if not partitions:
        return {}
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    return {partition: end for partition, end in ends.items() if await consumer.position(partition) < end}


async def _put_back(
    consumer: AIOKafkaConsumer,
    producer: AIOKafkaProducer,
    ends: dict[TopicPartition, int],
    suffix: str,
    progress: Progress | None,
) -> int:
    buried, total = await _survey(consumer, ends)
    done = 0
    unfinished = dict(ends)
    while unfinished:
        fetched = await consumer.getmany(*unfinished, timeout_ms=1000, max_records=CHUNK_RECORDS)
        waiting: list[asyncio.Future[Any]] = []
        reached: dict[TopicPartition, int] = {}
        for partition, records in fetched.items():
            due = [record for record in records if record.offset < ends[partition] and not _is_buried(record, buried)]
            waiting += [await _send_back(producer, record, suffix) for record in due]
            reached[partition] = min(await consumer.position(partition), ends[partition])
        await asyncio.gather(*waiting)
        if reached:
            await consumer.commit(reached)
        done += len(waiting)
        unfinished = {
            partition: end for partition, end in unfinished.items() if await consumer.position(partition) < end
        }
        if waiting and progress is not None:
            progress(done, total)
    logger.info("dead letters put back", count=done)
    return done


async def _survey(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> tuple[Buried, int]:
    """Find the last tombstone of each key, count what none follows, and go back to where we were."""
    begins = {partition: await consumer.position(partition) for partition in ends}
    buried: dict[Letter, int] = {}
    letters: Counter[Letter] = Counter()
    unread = dict(ends)
    while unread:
        for partition, records in (await consumer.getmany(*unread, timeout_ms=1000)).items():
            for record in (one for one in records if one.offset < ends[partition]):
                if record.value is None:
                    buried[record.topic, record.key] = record.offset
                    del letters[record.topic, record.key]
                else:
                    letters[record.topic, record.key] += 1
        unread = {partition: end for partition, end in unread.items() if await consumer.position(partition) < end}
    for partition, begin in begins.items():
        consumer.seek(partition, begin)
    return buried, letters.total()


def _is_buried(record: ConsumerRecord, buried: Buried) -> bool:
    return record.value is None or record.offset < buried.get((record.topic, record.key), -1)


async def _send_back(producer: AIOKafkaProducer, record: ConsumerRecord, suffix: str) -> "asyncio.Future[Any]":
    future: asyncio.Future[Any] = await producer.send(
        record.topic.removesuffix(suffix), value=record.value, key=record.key, headers=original_headers(record.headers)
    )
    return future
