"""How far the groups that read some topics are behind them, asked of Kafka from outside the groups."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import administering, describe_partitions
from crm_shared.kafka_access import Kafka
from crm_shared.transient import DependencyUnavailable

logger = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S: Final = 2.0


class Readers:
    """The groups `group_ids`, as readers of `topics`. Connects when first asked, and again after an error."""

    def __init__(
        self, kafka: Kafka, group_ids: Sequence[str], topics: Sequence[str], *, timeout_s: float = 5.0
    ) -> None:
        self._kafka = kafka
        self._group_ids = group_ids
        self._topics = topics
        self._timeout_s = timeout_s
        self._asking = asyncio.Lock()
        self._connection: _Connection | None = None

    async def count_behind(self) -> Mapping[str, int]:
        """Return by group how many records of the topics it has yet to read.

        A topic that a group has never read from doesn't count for it, and a group that has read from none is left
        out: it may not be installed at all. Raises DependencyUnavailable while Kafka does not answer.
        """
        async with self._asking:
            try:
                async with asyncio.timeout(self._timeout_s):
                    if self._connection is None:
                        self._connection = await _Connection.open(self._kafka)
                    return await self._connection.count_behind(self._group_ids, self._topics)
            except (KafkaError, OSError, TimeoutError) as error:
                logger.warning("readers_unknown", error=repr(error))
                await self._cut()
                raise DependencyUnavailable("Kafka does not answer") from error

    async def close(self) -> None:
        async with self._asking:
            await self._cut()

    async def _cut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await connection.close()
        except (KafkaError, OSError, TimeoutError) as error:
            logger.info("connection_to_kafka_cut", error=repr(error))


class _Connection:
    """An admin client for the groups' offsets, and a consumer of no group for the topics' ends."""

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, stack: AsyncExitStack) -> None:
        self._admin = admin
        self._consumer = consumer
        self._stack = stack
        self._partitions: Sequence[TopicPartition] = ()

    @classmethod
    async def open(cls, kafka: Kafka) -> "_Connection":
        async with AsyncExitStack() as stack:
            admin = await stack.enter_async_context(administering(kafka))
            consumer = make_consumer(kafka)
            stack.push_async_callback(consumer.stop)
            await consumer.start()
            return cls(admin, consumer, stack.pop_all())

    async def close(self) -> None:
        await self._stack.aclose()

    async def count_behind(self, group_ids: Sequence[str], topics: Sequence[str]) -> Mapping[str, int]:
        if not self._partitions:  # once a connection: partitions are added by hand, and rarely
            self._partitions = await describe_partitions(self._admin, topics)
        if not self._partitions:
            return {}
        # The offsets first: what is added in between counts as unread, and never the other way round.
        read = await asyncio.gather(*(self._read_offsets(group_id) for group_id in group_ids))
        begins, ends = await asyncio.gather(
            self._consumer.beginning_offsets(self._partitions), self._consumer.end_offsets(self._partitions)
        )
        behind: dict[str, int] = {}
        for group_id, offsets in zip(group_ids, read, strict=True):
            topics_read = {partition.topic for partition in offsets}
            for partition in self._partitions:
                if partition.topic in topics_read:
                    reached = offsets.get(partition, begins[partition])
                    behind[group_id] = behind.get(group_id, 0) + max(0, ends[partition] - reached)
        return behind

    async def _read_offsets(self, group_id: str) -> dict[TopicPartition, int]:
        """Return how far the group has committed in those of the partitions that it has read from."""
        try:
            committed = await read_group_offsets(self._admin, group_id)
        except GroupAuthorizationFailedError:  # to wait for what may never be seen would be to wait for ever
            logger.warning("reader_not_visible", group_id=group_id, needs="DESCRIBE on the group")
            return {}
        return {partition: committed[partition] for partition in self._partitions if partition in committed}
