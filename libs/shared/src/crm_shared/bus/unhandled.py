"""How old the first record is that each group has yet to handle, seen from outside the handlers.

A handler that hangs, waits for a store or has lost its partitions measures nothing of itself. So Kafka is asked, in a
task of its own: how far has the group committed, where does the topic end, and when was what lies between written.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from crm_shared.background import background, repeat
from crm_shared.bus.clients import make_consumer
from crm_shared.bus.consumers import close_consumer
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.metrics import LOOKED_AT_S, OLDEST_UNHANDLED_S, UNHANDLED_RECORDS
from crm_shared.bus.subscription import Subscription
from crm_shared.bus.topics import administering, describe_partitions
from crm_shared.clock import time_of_id_s
from crm_shared.kafka_access import Kafka

logger = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 10.0
LOOK_WITHIN_S: Final = 8.0
DESCRIBE_EVERY_S: Final = 300.0
FETCH_WITHIN_S: Final = 2.0
FETCH_BYTES: Final = 64 * 1024  # one record of each partition is all that is wanted; a larger one comes all the same


def written_at_s(record: ConsumerRecord) -> float:
    """Say when a record was written: its event's time, else when Kafka got it. It may be any bytes."""
    raw = dict(record.headers).get("ce_id") or b""
    try:
        at_s = time_of_id_s(UUID(raw.decode("ascii")))
    except ValueError:
        at_s = None
    return float(record.timestamp) / 1000 if at_s is None else at_s


class Unhandled:
    """What one group has before it. What was found stays true until the next look: ages are counted when asked for."""

    def __init__(self, subscription: Subscription) -> None:
        self.group_id = subscription.group_id
        self.topics = subscription.topics
        self._first: dict[TopicPartition, tuple[int, float]] = {}
        self._guessed: set[TopicPartition] = set()
        for topic in self.topics:
            OLDEST_UNHANDLED_S.labels(self.group_id, topic).set_function(partial(self.age_s, topic))
            UNHANDLED_RECORDS.labels(self.group_id, topic).set(0)

    def age_s(self, topic: str) -> float:
        written = [at_s for partition, (_, at_s) in self._first.items() if partition.topic == topic]
        return max(0.0, time.time() - min(written)) if written else 0.0

    def note(self, reached: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """Take in how far the group is; return the partitions whose first unhandled record has to be looked at."""
        behind = {partition: offset for partition, offset in reached.items() if offset < ends[partition]}
        for topic in self.topics:
            count = sum(ends[one] - offset for one, offset in behind.items() if one.topic == topic)
            UNHANDLED_RECORDS.labels(self.group_id, topic).set(count)
        self._first = {one: known for one, known in self._first.items() if behind.get(one) == known[0]}
        return [one for one in behind if one not in self._first or one in self._guessed]

    def note_first(self, partition: TopicPartition, offset: int, at_s: float | None) -> None:
        """Take in when it was written; one that did not come in time counts from now on, until a look finds it."""
        if at_s is None:
            self._first.setdefault(partition, (offset, time.time()))
            self._guessed.add(partition)
        else:
            self._first[partition] = (offset, at_s)
            self._guessed.discard(partition)


class UnhandledWatch:
    """Looks at all groups of a worker. Connects at the first look, and again after one that failed."""

    def __init__(self, kafka: Kafka, subscriptions: Iterable[Subscription]) -> None:
        self._kafka = kafka
        self._groups = [Unhandled(subscription) for subscription in subscriptions]
        self._topics = {topic for group in self._groups for topic in group.topics}
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._stack = AsyncExitStack()
        self._partitions: Sequence[TopicPartition] = ()
        self._described_at_s = float("-inf")

    async def look(self) -> None:
        """Set the metrics. Raises KafkaError, OSError and TimeoutError: then they go on from what was known."""
        try:
            async with asyncio.timeout(LOOK_WITHIN_S):
                admin, consumer = await self._connect()
                await self._describe(admin)
                if self._partitions:
                    await self._look(admin, consumer)
            LOOKED_AT_S.set_to_current_time()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._clients = None
        self._partitions = ()
        await self._stack.aclose()

    async def _connect(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            admin = await self._stack.enter_async_context(administering(self._kafka))
            consumer = make_consumer(
                self._kafka,
                enable_auto_commit=False,
                max_partition_fetch_bytes=FETCH_BYTES,
                auto_offset_reset="earliest",
            )
            self._stack.push_async_callback(close_consumer, consumer)
            await consumer.start()
            self._clients = admin, consumer
        return self._clients

    async def _describe(self, admin: AIOKafkaAdminClient) -> None:
        """Ask which partitions there are, where a topic is yet to be made by its service, and now and then after.

        Partitions are added by hand, and rarely.
        """
        is_whole = {partition.topic for partition in self._partitions} == self._topics
        if not is_whole or time.monotonic() - self._described_at_s >= DESCRIBE_EVERY_S:
            self._partitions = await describe_partitions(admin, self._topics)
            self._described_at_s = time.monotonic()

    async def _look(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        # The offsets first: what is added in between counts as unhandled, and never the other way round.
        committed = [await read_group_offsets(admin, group.group_id) for group in self._groups]
        begins = await consumer.beginning_offsets(self._partitions)
        ends = await consumer.end_offsets(self._partitions)
        for group, offsets in zip(self._groups, committed, strict=True):
            mine = [one for one in self._partitions if one.topic in group.topics]
            reached = {one: max(offsets.get(one, 0), begins[one]) for one in mine}
            unknown = group.note(reached, ends)
            if unknown:
                first = await _read_first(consumer, {one: reached[one] for one in unknown})
                for partition in unknown:
                    group.note_first(partition, reached[partition], first.get(partition))


async def _read_first(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, float]:
    """Return when the first record at or after each offset was written, for those that come in time."""
    consumer.assign(list(offsets))
    try:
        for partition, offset in offsets.items():
            consumer.seek(partition, offset)
        found: dict[TopicPartition, float] = {}
        give_up_at_s = time.monotonic() + FETCH_WITHIN_S
        while (unread := offsets.keys() - found.keys()) and (left_s := give_up_at_s - time.monotonic()) > 0:
            records: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(
                *unread, timeout_ms=int(left_s * 1000), max_records=1
            )
            found |= {one: written_at_s(some[0]) for one, some in records.items() if some}
        return found
    finally:
        consumer.unsubscribe()


@asynccontextmanager
async def watching_unhandled(kafka: Kafka, subscriptions: Iterable[Subscription]) -> AsyncIterator[None]:
    """Look again and again while in the block."""
    watch = UnhandledWatch(kafka, subscriptions)
    LOOKED_AT_S.set_to_current_time()  # a start is no outage: it is one when Kafka has not answered by then for long
    async with background(repeat("unhandled_records", watch.look, pause_s=LOOK_EVERY_S)):
        yield
    await watch.close()
