"""How far each group of a service is in the event's partition, and whether it has set the event aside."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from crm_shared.bus.dead_letters import ERROR_HEADER_PREFIX
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import describe_partitions
from crm_shared.contracts.topics import dead_letter_topic
from crm_shared.features.event_tracking.parts import GroupProgress, Letter, Looked, written_at
from crm_shared.features.event_tracking.topic_search import Bounds, Show, search


async def read_progress(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group_id: str, record: ConsumerRecord, event_id: UUID
) -> GroupProgress:
    """Return where the group is. Raises KafkaError.

    Kafka keeps no time of a commit: only what still waits has an age.
    """
    partition = TopicPartition(record.topic, record.partition)
    committed = (await read_group_offsets(admin, group_id)).get(partition)
    begin = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    reached = max(begin, committed or 0)
    is_past = committed is not None and committed > record.offset
    return GroupProgress(
        group_id=group_id,
        reading="past" if is_past else "never" if committed is None else "waits",
        committed=committed,
        lag=end - reached,
        before_event=0 if is_past else record.offset + 1 - reached,
        waits_s=None if is_past else max(0.0, time.time() - written_at(event_id).timestamp()),
    )


async def find_letter(
    admin: AIOKafkaAdminClient,
    consumer: AIOKafkaConsumer,
    group_id: str,
    record: ConsumerRecord,
    event_id: UUID,
    bounds: Bounds,
    show: Show,
) -> tuple[Letter | None, list[Looked]]:
    """Look for the event among what the group has set aside since it was written. Raises KafkaError.

    What was put back and failed again stands there twice: the last says how it is.
    """
    partitions = await describe_partitions(admin, [dead_letter_topic(record.topic, group_id)])
    found, looked = await search(consumer, partitions, event_id, bounds, show, takes_last=True)
    if found is None:
        return None, looked
    partition = TopicPartition(found.topic, found.partition)
    redriven = (await read_group_offsets(admin, f"{group_id}.redrive")).get(partition, 0)
    headers = dict(found.headers)
    return (
        Letter(
            group_id=group_id,
            topic=found.topic,
            offset=found.offset,
            at=datetime.fromtimestamp(found.timestamp / 1000, UTC),
            reason=_read(headers.items(), "reason"),
            error=_read(headers.items(), "type"),
            is_put_back=redriven > found.offset,
        ),
        looked,
    )


def _read(headers: Iterable[tuple[str, bytes]], name: str) -> str:
    return next((raw.decode("utf-8", "replace") for key, raw in headers if key == ERROR_HEADER_PREFIX + name), "")
