"""Reads and writes Kafka records as they are, and makes topics of a test's own."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord
from aiokafka.admin import NewTopic

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.producers import producing
from crm_shared.bus.topics import administering, list_partitions, specify_dead_letter_topics, wait_until_listed
from crm_shared.contracts import OutboxEvent
from crm_shared.kafka_access import Kafka


@dataclass(frozen=True, slots=True)
class RawRecord:
    """What goes on the wire, good or bad. `value` None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    @classmethod
    def of(cls, event: OutboxEvent) -> "RawRecord":
        return cls(str(event.aggregate_id).encode(), event.payload, event.headers())


async def make_topic(kafka: Kafka, *, partitions: int = 1, group_id: str | None = None) -> str:
    """Create a topic nobody else knows, with the dead-letter topic of `group_id` if one is named."""
    name = f"test.{uuid.uuid4().hex[:12]}"
    wanted = [NewTopic(name=name, num_partitions=partitions, replication_factor=1)]
    if group_id is not None:
        wanted += specify_dead_letter_topics({group_id: [name]}, replication=1)
    async with administering(kafka) as admin:
        await admin.create_topics(wanted)
        await wait_until_listed(admin, (one.name for one in wanted))
    return name


async def write_records(kafka: Kafka, topic: str, records: Iterable[RawRecord]) -> None:
    """Write `records` in their order and wait until Kafka has them."""
    async with producing(kafka, client_id="test-writer") as producer:
        for record in records:
            await producer.send_and_wait(topic, value=record.value, key=record.key, headers=list(record.headers))


async def read_topic(kafka: Kafka, topic: str, *, begin: dict[int, int] | None = None) -> list[ConsumerRecord]:
    """Read all that the topic holds now, partition by partition, from the offsets of `begin` (partition -> offset)."""
    partitions = await list_partitions(kafka, [topic])
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        for partition in partitions:
            consumer.seek(partition, (begin or {}).get(partition.partition, 0))
            while await consumer.position(partition) < ends[partition]:
                found += (await consumer.getmany(partition, timeout_ms=500)).get(partition, [])
        return found
    finally:
        await consumer.stop()


async def read_ends(kafka: Kafka, topic: str) -> dict[int, int]:
    """Return each partition's end offset: what `read_topic` takes as `begin` to see only what comes after."""
    partitions = await list_partitions(kafka, [topic])
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        return {partition.partition: end for partition, end in ends.items()}
    finally:
        await consumer.stop()
