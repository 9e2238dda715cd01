"""Asks Kafka how long the oldest event has waited for each of our consumer groups.

Asked from outside the workers, so that the answer is right when no worker runs: committed offsets against the
topics' ends, and where something waits, the time at which its first record reached the topic.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import administering, describe_partitions
from crm_shared.kafka_access import Kafka
from crm_shared.refusals import Unavailable

logger = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S: Final = 2.0
FETCH_BYTES: Final = 64 * 1024
"""Per partition: one record is wanted, and Kafka gives at least one, however large."""

OldestWaiting = Mapping[str, datetime | None]
"""By topic, when the record that has waited longest reached it; None where nothing waits."""


class Backlog:
    """Made once a process; connects when first asked, and again after an error. An answer is kept `cache_s`."""

    def __init__(self, kafka: Kafka, groups: Mapping[str, Sequence[str]], *, cache_s: float, timeout_s: float) -> None:
        self._kafka = kafka
        self._groups = groups
        self._cache_s = cache_s
        self._timeout_s = timeout_s
        self._asking = asyncio.Lock()
        self._connection: _Connection | None = None
        self._answer: OldestWaiting | None = None
        self._answered_at_s = float("-inf")

    @property
    def topics(self) -> list[str]:
        return sorted({topic for topics in self._groups.values() for topic in topics})

    async def find_oldest(self) -> OldestWaiting:
        """Return the oldest waiting record's time by topic. Raises Unavailable while Kafka does not answer."""
        async with self._asking:
            loop = asyncio.get_running_loop()
            if loop.time() - self._answered_at_s > self._cache_s:
                self._answer = await self._ask()
                self._answered_at_s = loop.time()
            if self._answer is None:
                raise Unavailable("Kafka does not answer, so what waits there is not known. Reports are not affected.")
            return self._answer

    async def _ask(self) -> OldestWaiting | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._connection is None:
                    self._connection = await _Connection.open(self._kafka)
                return await self._connection.find_oldest(self._groups, self.topics)
        except (KafkaError, OSError, TimeoutError) as error:
            logger.warning("freshness unknown", error=repr(error))
            await self.close()
            return None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await connection.close()
        except (KafkaError, OSError, TimeoutError) as error:
            logger.info("connection to Kafka cut", error=repr(error))


class _Connection:
    """An admin client for the groups' offsets, and a consumer of no group for the topics'."""

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, stack: AsyncExitStack) -> None:
        self._admin = admin
        self._consumer = consumer
        self._stack = stack

    @classmethod
    async def open(cls, kafka: Kafka) -> "_Connection":
        async with AsyncExitStack() as stack:
            admin = await stack.enter_async_context(administering(kafka))
            consumer = make_consumer(kafka, auto_offset_reset="earliest", max_partition_fetch_bytes=FETCH_BYTES)
            stack.push_async_callback(consumer.stop)
            await consumer.start()
            return cls(admin, consumer, stack.pop_all())

    async def close(self) -> None:
        await self._stack.aclose()

    async def find_oldest(self, groups: Mapping[str, Sequence[str]], topics: Iterable[str]) -> OldestWaiting:
        waiting = await self._list_waiting(groups, await describe_partitions(self._admin, topics))
        oldest: dict[str, datetime | None] = dict.fromkeys(topics)
        for partition, reached_at in (await self._read_times(waiting)).items():
            known = oldest[partition.topic]
            oldest[partition.topic] = reached_at if known is None else min(known, reached_at)
        return oldest

    async def _list_waiting(
        self, groups: Mapping[str, Sequence[str]], partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the partitions with something unread, with the offset of its first record."""
        if not partitions:
            return {}
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        waiting: dict[TopicPartition, int] = {}
        for group_id, topics in groups.items():
            committed = await read_group_offsets(self._admin, group_id)
            for partition in partitions:
                if partition.topic not in topics:
                    continue
                offset = max(committed.get(partition, -1), begins[partition])
                if offset < ends[partition]:
                    waiting[partition] = min(offset, waiting.get(partition, offset))
        return waiting

    async def _read_times(self, waiting: Mapping[TopicPartition, int]) -> dict[TopicPartition, datetime]:
        """Read the time of the record at each offset, or of the next one that compaction has left."""
        if not waiting:
            return {}
        self._consumer.assign(list(waiting))
        try:
            for partition, offset in waiting.items():
                self._consumer.seek(partition, offset)
            times: dict[TopicPartition, datetime] = {}
            while len(times) < len(waiting):
                unread = [partition for partition in waiting if partition not in times]
                for partition, records in (await self._consumer.getmany(*unread, timeout_ms=500)).items():
                    times[partition] = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
            return times
        finally:
            self._consumer.unsubscribe()  # else it would go on fetching what nobody reads
