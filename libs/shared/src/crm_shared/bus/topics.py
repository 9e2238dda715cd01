"""Creates the topics that a service writes and the dead-letter topics of the groups it reads with."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from crm_shared.bus.backoff import Backoff
from crm_shared.bus.clients import make_admin
from crm_shared.bus.producers import MAX_RECORD_BYTES
from crm_shared.bus.topic_settings import align_cleaning
from crm_shared.contracts.topics import (
    COMPACTION_LAG_S,
    DEAD_LETTER_RETENTION_MS,
    TOPICS,
    dead_letter_topic,
    is_compacted,
)
from crm_shared.kafka_access import Kafka, to_access

logger = structlog.get_logger(__name__)

# The broker measures a whole batch; a dead letter is its record and some headers more.
_MAX_BATCH_BYTES: Final = MAX_RECORD_BYTES + 64 * 1024
_MAX_DEAD_LETTER_BYTES: Final = _MAX_BATCH_BYTES + 64 * 1024
# One, so that dead letters of a group go back in the order in which they were set aside.
DEAD_LETTER_PARTITIONS: Final = 1
WAIT_FOR_KAFKA_S: Final = 60.0
LISTED_WITHIN_S: Final = 10.0
LOOK_AGAIN_S: Final = 0.05


@asynccontextmanager
async def administering(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    """Lend an admin client. Raises KafkaConnectionError when no broker answers."""
    admin = make_admin(kafka)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def list_missing_topics(kafka: Kafka, topics: Iterable[str]) -> list[str]:
    """Name those of `topics` that the cluster has not."""
    async with administering(kafka) as admin:
        return sorted(set(topics) - set(await admin.list_topics()))


async def list_partitions(kafka: Kafka, topics: Iterable[str]) -> list[TopicPartition]:
    """List all partitions of those of `topics` that exist, by topic and number."""
    async with administering(kafka) as admin:
        return await describe_partitions(admin, topics)


async def describe_partitions(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[TopicPartition]:
    """Do as `list_partitions`, with an admin client at hand."""
    present = sorted(set(topics) & set(await admin.list_topics()))
    if not present:
        return []  # for Kafka an empty list means all topics
    return sorted(
        TopicPartition(described["topic"], partition["partition"])
        for described in await admin.describe_topics(present)
        for partition in described["partitions"]
    )


def specify_topics(
    service: str, *, partitions: int, replication: int, compaction_lag_s: int = COMPACTION_LAG_S
) -> list[NewTopic]:
    """Return the topics that `service` writes, as TOPICS has them."""
    return [
        NewTopic(
            name=spec.name,
            num_partitions=partitions,
            replication_factor=replication,
            topic_configs={
                **spec.configs,
                **(_compact_within(compaction_lag_s) if spec.is_compacted else {}),
                "max.message.bytes": str(_MAX_BATCH_BYTES),
            },
        )
        for spec in TOPICS.values()
        if spec.service == service
    ]


def specify_dead_letter_topics(
    groups: Mapping[str, Sequence[str]], *, replication: int, compaction_lag_s: int = COMPACTION_LAG_S
) -> list[NewTopic]:
    """Return the dead-letter topics of `groups` (group id -> the topics it reads).

    Compacted where their topic is: the newest letter of a record is worth as much as all, and a tombstone takes an
    erased one's away.
    """
    configs = {"retention.ms": str(DEAD_LETTER_RETENTION_MS), "max.message.bytes": str(_MAX_DEAD_LETTER_BYTES)}
    deleted = {"cleanup.policy": "delete"}
    compacted = {"cleanup.policy": "compact,delete", **_compact_within(compaction_lag_s)}
    return [
        NewTopic(
            name=dead_letter_topic(topic, group_id),
            num_partitions=DEAD_LETTER_PARTITIONS,
            replication_factor=replication,
            topic_configs=configs | (compacted if is_compacted(topic) else deleted),
        )
        for group_id, topics in groups.items()
        for topic in topics
    ]


def _compact_within(lag_s: int) -> dict[str, str]:
    return {"max.compaction.lag.ms": str(lag_s * 1000)}


async def create_topics(
    kafka: Kafka,
    service: str,
    *,
    groups: Mapping[str, Sequence[str]],
    partitions: int,
    replication: int,
    compaction_lag_s: int = COMPACTION_LAG_S,
    wait_s: float = WAIT_FOR_KAFKA_S,
) -> list[str]:
    """Create what is not there yet and name it. Many may run this at once.

    What is there stays as it is, but for how it is cleaned: on that the promise of erasure rests.

    Waits up to `wait_s` for Kafka, then raises the KafkaError; also raises one that no waiting heals (a replication
    factor above the number of brokers).
    """
    wanted = [
        *specify_topics(service, partitions=partitions, replication=replication, compaction_lag_s=compaction_lag_s),
        *specify_dead_letter_topics(groups, replication=replication, compaction_lag_s=compaction_lag_s),
    ]
    backoff = Backoff(last_s=2.0)
    give_up_at_s = asyncio.get_running_loop().time() + wait_s
    while True:
        try:
            return await _create(kafka, wanted)
        except (KafkaError, OSError, TimeoutError) as error:
            is_final = isinstance(error, KafkaError) and not error.retriable
            if is_final or asyncio.get_running_loop().time() > give_up_at_s:
                raise
            delay_s = backoff.next_delay_s()
            logger.warning("migrate waits for Kafka", bootstrap=to_access(kafka).bootstrap, error=repr(error))
            await asyncio.sleep(delay_s)


async def _create(kafka: Kafka, wanted: Sequence[NewTopic]) -> list[str]:
    async with administering(kafka) as admin:
        present = set(await admin.list_topics())
        await align_cleaning(admin, [topic for topic in wanted if topic.name in present])
        absent = [topic for topic in wanted if topic.name not in present]
        if not absent:
            return []
        response = await admin.create_topics(absent)
        created = []
        for name, code, *_ in response.topic_errors:
            error = for_code(code)
            if error is TopicAlreadyExistsError:
                continue  # another replica was quicker
            if code != 0:
                raise error(name)
            created.append(name)
        await wait_until_listed(admin, (topic.name for topic in absent))
    logger.info("topics created", topics=created)
    return created


async def wait_until_listed(admin: AIOKafkaAdminClient, names: Iterable[str]) -> None:
    """Wait until the broker knows these topics: the controller has made them before brokers hear of it.

    Raises UnknownTopicOrPartitionError after LISTED_WITHIN_S.
    """
    wanted, give_up_at_s = set(names), asyncio.get_running_loop().time() + LISTED_WITHIN_S
    while unlisted := sorted(wanted - set(await admin.list_topics())):
        if asyncio.get_running_loop().time() > give_up_at_s:
            raise UnknownTopicOrPartitionError(", ".join(unlisted))
        await asyncio.sleep(LOOK_AGAIN_S)
