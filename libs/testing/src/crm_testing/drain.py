"""Waits until the bus is at rest: outboxes empty, every group at the end of its topics, twice over. For tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import administering, describe_partitions, list_partitions
from crm_shared.contracts.topics import dead_letter_topic
from crm_shared.kafka_access import Kafka

POLL_S: Final = 0.1
"""A look asks Kafka for groups' offsets, which takes from the very work that is waited for: one is enough to go on."""
REST_ROUNDS: Final = 2


class NoRest(AssertionError):
    """Something still moves, or stands still with work before it, after the time allowed."""


class DeadLettered(AssertionError):
    """A consumer set a record aside that the test did not expect it to."""


@dataclass(frozen=True, slots=True)
class Bus:
    """What is to come to rest. `outboxes`: worker DSNs of the services; `groups`: group id -> the topics it reads."""

    kafka: Kafka
    outboxes: Sequence[str] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


async def drain(bus: Bus, *, timeout_s: float = 120.0, expected_dead_letters: int = 0) -> None:
    """Return once every outbox is empty and every group has committed all there is, two rounds running.

    Raises DeadLettered when the dead-letter topics of the groups hold other than `expected_dead_letters` records
    (tombstones apart), and NoRest, naming what is left, after `timeout_s`.
    """
    give_up_at_s = time.monotonic() + timeout_s
    async with _Probe.open(bus) as probe:
        await probe.require_dead_letters(at_most=expected_dead_letters)
        rounds, before = 0, None
        while rounds < REST_ROUNDS:
            left, ends = await probe.list_work()
            rounds = rounds + 1 if not left and ends == before else int(not left)
            before = ends
            if time.monotonic() > give_up_at_s:
                await probe.require_dead_letters(at_most=expected_dead_letters)
                left = (await probe.list_work(every_group=True))[0] or left
                raise NoRest(f"no rest after {timeout_s:.0f} s: {'; '.join(left) or 'the topics still grow'}")
            await asyncio.sleep(POLL_S)
        await probe.require_dead_letters(at_most=expected_dead_letters, at_least=expected_dead_letters)


async def redeliver(bus: Bus, *, timeout_s: float = 120.0) -> None:
    """Put every group back to offset 0. The workers must be stopped; start them again, then drain.

    Raises NoRest when a group still has members after `timeout_s` (a killed one is a member for its session's time).
    """
    for group_id, topics in bus.groups.items():
        consumer = make_consumer(bus.kafka, group_id=group_id, enable_auto_commit=False)
        try:
            await consumer.start()
            partitions = await list_partitions(bus.kafka, topics)
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
        ends: AIOKafkaConsumer,
        letters: AIOKafkaConsumer,
        outboxes: Sequence[asyncpg.Connection],
    ) -> None:
        self._bus = bus
        self._admin = admin
        self._ends_consumer = ends
        self._letters_consumer = letters
        self._outboxes = outboxes
        self._last_behind: str | None = None
        self._read_ends: dict[TopicPartition, int] = {}
        self._letters: list[ConsumerRecord] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, bus: Bus) -> AsyncIterator["_Probe"]:
        async with AsyncExitStack() as stack:
            admin = await stack.enter_async_context(administering(bus.kafka))
            ends, letters = make_consumer(bus.kafka), make_consumer(bus.kafka)
            for consumer in (ends, letters):
                stack.push_async_callback(consumer.stop)
                await consumer.start()
            outboxes = []
            for dsn in bus.outboxes:
                connection = await asyncpg.connect(dsn)
                stack.push_async_callback(connection.close)
                outboxes.append(connection)
            yield cls(bus, admin, ends, letters, outboxes)

    async def list_work(self, *, every_group: bool = False) -> tuple[list[str], dict[TopicPartition, int]]:
        """Describe what is left to do, and give the topics' ends as they are now.

        Stops at the first group that is behind, unless asked for every group. While rows wait in an outbox Kafka is
        not asked: it has yet to get them.
        """
        left = []
        for connection in self._outboxes:
            count = await connection.fetchval("SELECT count(*) FROM outbox")
            if count:
                left.append(f"{count} rows in the outbox of {await connection.fetchval('SELECT current_database()')}")
        topics = {topic for topics in self._bus.groups.values() for topic in topics}
        partitions = [] if left else await self._list_partitions(topics)
        if not partitions:
            return left, {}
        begins = await self._ends_consumer.beginning_offsets(partitions)
        ends = await self._ends_consumer.end_offsets(partitions)
        # Whichever was behind at the last look is so the longest, as a rule.
        for group_id in sorted(self._bus.groups, key=lambda group_id: group_id != self._last_behind):
            committed = await read_group_offsets(self._admin, group_id)
            for partition in partitions:
                behind = ends[partition] - committed.get(partition, begins[partition])
                if partition.topic in self._bus.groups[group_id] and behind > 0:
                    left.append(f"{group_id} is {behind} behind on {partition.topic}/{partition.partition}")
            if left and not every_group:
                self._last_behind = group_id
                break
        return left, ends

    async def _list_partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        """List the topics' partitions, and have the consumer that is asked for offsets know all of them.

        It learns of a topic that it is not assigned at the price of a tenth of a second, one after the other.
        """
        partitions = await describe_partitions(self._admin, topics)
        known = self._ends_consumer.assignment()
        if not known.issuperset(partitions):
            self._ends_consumer.assign([*known, *(one for one in partitions if one not in known)])
            self._ends_consumer.pause(*self._ends_consumer.assignment())
        return partitions

    async def require_dead_letters(self, *, at_most: int, at_least: int = 0) -> None:
        """Raise DeadLettered unless the number of dead letters is as allowed, with the reasons of some."""
        topics = [dead_letter_topic(topic, group) for group, topics in self._bus.groups.items() for topic in topics]
        partitions = await self._list_partitions(topics)
        ends = await self._ends_consumer.end_offsets(partitions) if partitions else {}
        letters = await self._read_letters({partition: end for partition, end in ends.items() if end})
        if not at_least <= len(letters) <= at_most:
            headers = [dict(letter.headers) for letter in letters[:5]]
            reasons = [f"{one['crm_error_type'].decode()}: {one['crm_error_reason'].decode()}" for one in headers]
            raise DeadLettered(f"{len(letters)} dead letters, expected {at_most}: {reasons}")

    async def _read_letters(self, ends: Mapping[TopicPartition, int]) -> list[ConsumerRecord]:
        """Read all up to `ends`: how many letters there are, compaction leaves no offset to tell."""
        if ends == self._read_ends:
            return self._letters
        self._letters_consumer.assign(list(ends))
        await self._letters_consumer.seek_to_beginning()
        letters: list[ConsumerRecord] = []
        unread = dict(ends)
        while unread:
            fetched = await self._letters_consumer.getmany(*unread, timeout_ms=200)
            letters += [record for records in fetched.values() for record in records if record.value is not None]
            unread = {part: end for part, end in ends.items() if await self._letters_consumer.position(part) < end}
        self._read_ends, self._letters = dict(ends), letters
        return letters
