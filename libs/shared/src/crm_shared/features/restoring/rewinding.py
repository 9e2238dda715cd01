"""Has a service's consumers read again what they read after the moment to which their database was restored."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiokafka import TopicPartition

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import administering
from crm_shared.features.restoring.topic_reading import find_offsets
from crm_shared.kafka_access import Kafka


class WorkersRun(Exception):
    """The service's workers are at work: `str` names the groups that they are members of."""


async def require_idle(kafka: Kafka, group_ids: Sequence[str]) -> None:
    """Raise WorkersRun while any of the groups has members: they would commit what they have read over our word."""
    async with administering(kafka) as admin:
        # One by one: of an answer about several aiokafka misreads all but the first (it takes version 3 for version 2).
        described = [
            group
            for group_id in group_ids
            for response in await admin.describe_consumer_groups([group_id])
            for group in response.groups
        ]
    if running := sorted(group_id for _, group_id, _, _, _, members, *_ in described if members):
        raise WorkersRun(", ".join(running))


async def rewind(kafka: Kafka, groups: Mapping[str, Sequence[str]], moment: datetime) -> Mapping[str, int]:
    """Set each of the groups back to `moment`, never forward; return by group how many records it reads again.

    A group that has read nothing yet begins at the beginning anyway. Raises KafkaError.
    """
    counts: dict[str, int] = {}
    async with administering(kafka) as admin:
        committed_by_group = {group_id: await read_group_offsets(admin, group_id) for group_id in groups}
    for group_id, topics in groups.items():
        committed = committed_by_group[group_id]
        partitions = [partition for partition in committed if partition.topic in topics]
        counts[group_id] = await _rewind(kafka, group_id, partitions, committed, moment) if partitions else 0
    return counts


async def _rewind(
    kafka: Kafka,
    group_id: str,
    partitions: Sequence[TopicPartition],
    committed: Mapping[TopicPartition, int],
    moment: datetime,
) -> int:
    consumer = make_consumer(kafka, group_id=group_id, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        found = await find_offsets(consumer, partitions, moment)
        earlier = {partition: offset for partition, offset in found.items() if offset < committed[partition]}
        if earlier:
            await consumer.commit(earlier)
        return sum(committed[partition] - offset for partition, offset in earlier.items())
    finally:
        await consumer.stop()
