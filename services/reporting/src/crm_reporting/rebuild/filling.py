"""Reads the topics from their beginning into the copy, with the consumers' own code."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from crm_reporting.rebuild.copies import (
    CopyDatabase,
    CopyOutdated,
    Positions,
    RebuildRefused,
    RefusedRecord,
    read_positions,
    save_refused,
)
from crm_shared.bus import Consumer
from crm_shared.bus.topics import list_partitions
from crm_shared.contracts import BadRecord, Event, decode
from crm_shared.database import Database
from crm_shared.kafka_access import Kafka
from crm_shared.transient import is_transient

MAX_RECORDS: Final = 2000
"""A batch may be larger than a worker's: nobody waits for its locks."""

Handlers = Mapping[str, Consumer[[Database]]]
"""By topic, the consumer that projects it."""

Readable = tuple[ConsumerRecord, Event]


class Filling:
    """Fills `copy` from the topics of `handlers`. `consumer` is of no group: the live groups hear nothing of it."""

    def __init__(
        self,
        copy: CopyDatabase,
        kafka: Kafka,
        consumer: AIOKafkaConsumer,
        handlers: Handlers,
        tenant_id: UUID | None,
        say: Callable[[str], None],
        say_every_s: float,
    ) -> None:
        self._copy = copy
        self._kafka = kafka
        self._consumer = consumer
        self._handlers = handlers
        self._tenant_header = None if tenant_id is None else str(tenant_id).encode()
        self._say = say
        self._say_every_s = say_every_s
        self._said_at_s = time.monotonic()
        self._next: dict[TopicPartition, int] = {}
        self.record_count = 0
        self.notes_records = False
        """Whether the records that are read of become suspects: while rows are compared, or after."""

    async def find_ends(self) -> Positions:
        """Return where each partition ends now.

        Raises CopyOutdated where the topics no longer hold what comes next, RebuildRefused where a topic is missing.
        """
        partitions = await list_partitions(self._kafka, self._handlers)
        if missing := set(self._handlers) - {partition.topic for partition in partitions}:
            raise RebuildRefused(f"topics missing: {', '.join(sorted(missing))}. Their services' `migrate` makes them")
        if set(partitions) != self._consumer.assignment():
            await self._assign(partitions)
        ends: Positions = await self._consumer.end_offsets(partitions)
        if any(self._next[partition] > end for partition, end in ends.items()):
            raise CopyOutdated("a topic was made anew")
        return ends

    async def fill(self, ends: Positions) -> None:
        """Read on until all before `ends` is in the copy. Raises CopyOutdated, and as database and Kafka do."""
        while behind := [partition for partition, end in ends.items() if self._next[partition] < end]:
            for records in (await self._read(behind)).values():
                await self._take(records)
            for partition in behind:
                self._next[partition] = max(self._next[partition], await self._consumer.position(partition))
            if time.monotonic() - self._said_at_s >= self._say_every_s:
                self._said_at_s = time.monotonic()
                left = sum(max(0, end - self._next[partition]) for partition, end in ends.items())
                self._say(f"{self.record_count:,} records read, {left:,} to go")

    async def _assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._next = {**await self._read_positions(), **self._next}
        self._consumer.assign(partitions)
        begins = await self._consumer.beginning_offsets(partitions)
        for partition, begin in begins.items():
            offset = self._next.setdefault(partition, begin)
            if offset < begin:
                raise CopyOutdated("Kafka has dropped records that were not read yet")
            self._consumer.seek(partition, offset)

    async def _read_positions(self) -> dict[TopicPartition, int]:
        async with self._copy.read_as_worker() as connection:
            return await read_positions(connection)

    async def _read(self, partitions: Sequence[TopicPartition]) -> dict[str, list[ConsumerRecord]]:
        """Return what has come, by topic."""
        try:
            fetched = await self._consumer.getmany(*partitions, timeout_ms=500, max_records=MAX_RECORDS)
        except OffsetOutOfRangeError as error:
            raise CopyOutdated("Kafka has dropped records that were not read yet") from error
        found: dict[str, list[ConsumerRecord]] = {}
        for partition, records in fetched.items():
            found.setdefault(partition.topic, []).extend(records)
        return found

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        """Take in records of one topic. They are remembered as read when their rows are there."""
        readable: list[Readable] = []
        for record in records:
            if record.value is None or not self._is_wanted(record):
                continue  # a tombstone tells nothing
            try:
                readable.append((record, decode(record.key, record.value, record.headers, topic=record.topic)))
            except BadRecord as error:
                await self._refuse(record, error)
        await self._project(readable)
        if self._copy.reached != (reached := _reach(records)):
            self._copy.reached, self._copy.touched = reached, ()
            async with self._copy.begin_as_worker():
                pass
        self._copy.reached, self._copy.touched = {}, ()
        self.record_count += len(records)

    def _is_wanted(self, record: ConsumerRecord) -> bool:
        return self._tenant_header is None or dict(record.headers).get("ce_tenantid") == self._tenant_header

    async def _project(self, readable: Sequence[Readable]) -> None:
        """Hand on to the consumer; where it refuses, halve until the bad record stands alone, as a worker does."""
        if not readable:
            return
        self._copy.reached = _reach([record for record, _ in readable])
        if self.notes_records:
            self._copy.touched = {(event.tenant_id, event.aggregate_id) for _, event in readable}
        try:
            await self._handlers[readable[0][0].topic]([event for _, event in readable], self._copy)
        except Exception as error:
            if isinstance(error, RebuildRefused) or is_transient(error):
                raise
            if len(readable) == 1:
                await self._refuse(readable[0][0], error)
                return
            middle = len(readable) // 2
            await self._project(readable[:middle])
            await self._project(readable[middle:])

    async def _refuse(self, record: ConsumerRecord, error: Exception) -> None:
        # Others' words than ours may quote the record.
        reason = str(error) if isinstance(error, BadRecord) else type(error).__qualname__
        self._copy.reached, self._copy.touched = {}, ()
        async with self._copy.begin_as_worker() as transaction:
            await save_refused(transaction, RefusedRecord(record.topic, record.partition, record.offset, reason))


def _reach(records: Sequence[ConsumerRecord]) -> Positions:
    """Return where to go on after these. Each partition's are in its order, so the last one counts."""
    return {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
