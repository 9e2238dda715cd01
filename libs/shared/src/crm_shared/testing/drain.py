"""Waits until the bus is at rest: outboxes empty, every group at the end of its topics, twice over. For tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from crm_shared.bus.topics import administering, describe_partitions, list_partitions
from crm_shared.contracts.topics import dead_letter_topic

POLL_S: Final = 0.02
REST_ROUNDS: Final = 2


class NoRest(AssertionError):
    """Something still moves, or stands still with work before it, after the time allowed."""


class DeadLettered(AssertionError):
    """A consumer set a record aside that the test did not expect it to."""


@dataclass(frozen=True, slots=True)
class Bus:
    """What is to come to rest. `outboxes`: worker DSNs of the services; `groups`: group id -> the topics it reads."""

    kafka_bootstrap: str
    outboxes: Sequence[str] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


async def drain(bus: Bus, *, timeout_s: float = 30.0, expected_dead_letters: int = 0) -> None:
    """Return once every outbox is empty and every group has committed all there is, two rounds running.

    Raises DeadLettered when the dead-letter topics of the groups hold other than `expected_dead_letters` records
    (tombstones apart), and NoRest, naming what is left, after `timeout_s`.
    """
    give_up_at_s = time.monotonic() + timeout_s
    async with _Probe.open(bus) as probe:
        rounds, before = 0, None
        while rounds < REST_ROUNDS:
            await probe.require_dead_letters(at_most=expected_dead_letters)
            left, ends = await probe.list_work()
            rounds = rounds + 1 if not left and ends == before else int(not left)
            before = ends
            if time.monotonic() > give_up_at_s:
                raise NoRest(f"no rest after {timeout_s:.0f} s: {'; '.join(left) or 'the topics still grow'}")
            await asyncio.sleep(POLL_S)
        await probe.require_dead_letters(at_most=expected_dead_letters, at_least=expected_dead_letters)


async def redeliver(bus: Bus, *, timeout_s: float = 30.0) -> None:
    """Put every group back to offset 0. The workers must be stopped; start them again, then drain.

    Raises NoRest when a group still has members after `timeout_s` (a killed one is a member for its session's time).
    """
    for group_id, topics in bus.groups.items():
        consumer = AIOKafkaConsumer(bootstrap_servers=bus.kafka_bootstrap, group_id=group_id, enable_auto_commit=False)
        try:
            await consumer.start()
            partitions = await list_partitions(bus.kafka_bootstrap, topics)
            consumer.assign(partitions)
            await _commit_zero(consumer, partitions, give_up_at_s=time.monotonic() + timeout_s)
        finally:
            await consumer.stop()


async def _commit_zero(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], *, give_up_at_s: float
) -> None:
    while True:
        try:
            await consumer.commit(dict.fromkeys(partitions, 0))
        except CommitFailedError as error:  # from outside, only a group without members takes offsets
            if time.monotonic() > give_up_at_s:
                raise NoRest("a group has members yet: stop the workers before redeliver") from error
            await asyncio.sleep(0.2)
        else:
            return


class _Probe:
    """Connections to all that drain asks."""

    def __init__(
        self,
        bus: Bus,
        admin: AIOKafkaAdminClient,
        consumer: AIOKafkaConsumer,
        outboxes: Sequence[asyncpg.Connection],
    ) -> None:
        self._bus = bus
        self._admin = admin
        self._consumer = consumer
        self._outboxes = outboxes
        self._read_ends: dict[TopicPartition, int] = {}
        self._letters: list[ConsumerRecord] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, bus: Bus) -> AsyncIterator["_Probe"]:
        async with AsyncExitStack() as stack:
            admin = await stack.enter_async_context(administering(bus.kafka_bootstrap))
            consumer = AIOKafkaConsumer(bootstrap_servers=bus.kafka_bootstrap)
            stack.push_async_callback(consumer.stop)
            await consumer.start()
            outboxes = []
            for dsn in bus.outboxes:
                connection = await asyncpg.connect(dsn)
                stack.push_async_callback(connection.close)
                outboxes.append(connection)
            yield cls(bus, admin, consumer, outboxes)

    async def list_work(self) -> tuple[list[str], dict[TopicPartition, int]]:
        """Describe what is left to do, and give the topics' ends as they are now."""
        left = []
        for connection in self._outboxes:
            count = await connection.fetchval("SELECT count(*) FROM outbox")
            if count:
                left.append(f"{count} rows in the outbox of {await connection.fetchval('SELECT current_database()')}")
        topics = {topic for topics in self._bus.groups.values() for topic in topics}
        partitions = await describe_partitions(self._admin, topics)
        if not partitions:
            return left, {}
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        for group_id, group_topics in self._bus.groups.items():
            committed = await self._admin.list_consumer_group_offsets(group_id)
            for partition in partitions:
                if partition.topic not in group_topics:
                    continue
                reached = committed[partition].offset if partition in committed else -1
                behind = ends[partition] - (reached if reached >= 0 else begins[partition])
                if behind > 0:
                    left.append(f"{group_id} is {behind} behind on {partition.topic}/{partition.partition}")
        return left, ends

    async def require_dead_letters(self, *, at_most: int, at_least: int = 0) -> None:
        """Raise DeadLettered unless the number of dead letters is as allowed, with the reasons of some."""
        topics = [dead_letter_topic(topic, group) for group, topics in self._bus.groups.items() for topic in topics]
        partitions = await describe_partitions(self._admin, topics)
        ends = await self._consumer.end_offsets(partitions) if partitions else {}
        letters = await self._read_letters({partition: end for partition, end in ends.items() if end})
        if not at_least <= len(letters) <= at_most:
            headers = [dict(letter.headers) for letter in letters[:5]]
            reasons = [f"{one['crm_error_type'].decode()}: {one['crm_error_reason'].decode()}" for one in headers]
            raise DeadLettered(f"{len(letters)} dead letters, expected {at_most}: {reasons}")

    async def _read_letters(self, ends: Mapping[TopicPartition, int]) -> list[ConsumerRecord]:
        """Read all up to `ends`: how many letters there are, compaction leaves no offset to tell."""
        if ends == self._read_ends:
            return self._letters
        self._consumer.assign(list(ends))
        await self._consumer.seek_to_beginning()
        letters: list[ConsumerRecord] = []
        unread = dict(ends)
        while unread:
            fetched = await self._consumer.getmany(*unread, timeout_ms=200)
            letters += [record for records in fetched.values() for record in records if record.value is not None]
            unread = {part: end for part, end in ends.items() if await self._consumer.position(part) < end}
        self._read_ends, self._letters = dict(ends), letters
        return letters
