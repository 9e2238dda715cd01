"""FastStream's Kafka broker, with a consumer that waits for records instead of asking over and over."""

from collections.abc import Callable, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from crm_shared.kafka_access import KafkaAccess

Found = dict[TopicPartition, list[ConsumerRecord]]

WAIT_MS: Final = 5000
"""After so long without a record a consumer is idle."""

BUSY_FETCH_MS: Final = 500
IDLE_FETCH_MS: Final = 2000
"""How long Kafka may keep a fetch that it has nothing for. A record ends an idle one at once, as it is of all
partitions; one that is sent while records lie here unread is not of their partitions, which wait for its end."""


TURN_RECORDS: Final = 100
"""What is taken of a partition before it is looked which one is furthest behind."""

ANYWAY: Final = 8
"""Of a batch one in so many is shared by all partitions: the newest record of a quiet one waits for no backlog."""


class WaitingConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Gives no empty answers.

    After one, FastStream's batch subscriber sleeps as long as it has waited before, which would delay an event by up
    to that time; and a short wait would cost thousands of wake-ups a minute for nothing. Nor does it ask Kafka more
    often than it must: most of a suite's work while nothing happens was fetches that found nothing.

    Of several partitions it gives a little of each, and then first what was written first. aiokafka gives all that it
    holds of one before anything of the next: behind a backlog records came before those that they refer to.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._given_to_ms: dict[TopicPartition, int] = {}
        self._is_behind = False
        self._error: KafkaError | None = None

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        while True:
            wait_ms = max(timeout_ms, WAIT_MS)
            found = await self._take(partitions, wait_ms, max_records)
            # aiokafka lets it be said once for all of a consumer's life, and reads it at each fetch.
            self._fetcher._fetch_max_wait_ms = BUSY_FETCH_MS if found else IDLE_FETCH_MS  # noqa: SLF001
            if found:
                return found

    async def _take(self, partitions: Sequence[TopicPartition], wait_ms: int, max_records: int | None) -> Found:
        if (error := self._error) is not None:
            self._error = None
            raise error
        most = max_records or self._max_poll_records
        found: Found = {}
        if self._is_behind:
            await self._add_oldest(found, partitions, most)
        if not found:
            found = await super().getmany(*partitions, timeout_ms=wait_ms, max_records=min(most, TURN_RECORDS))
            if self._note(found) == TURN_RECORDS:  # else nothing more lies here
                await self._add_oldest(found, partitions, most)
        self._is_behind = _count(found) == most
        return found

    async def _add_oldest(self, found: Found, partitions: Sequence[TopicPartition], most: int) -> None:
        """Fill up what is found with what lies here: a little of each, then turns of whichever is furthest behind."""
        known = sorted(partitions or self.assignment())
        anyway = most // ANYWAY // max(1, len(known)) + 1
        giving = [one for one in known if await self._add(found, one, min(anyway, most - _count(found)))]
        behind = [(self._given_to_ms[one], one) for one in giving]
        heapify(behind)
        while behind:
            _, partition = heappop(behind)
            if await self._add(found, partition, min(TURN_RECORDS, most - _count(found))):
                heappush(behind, (self._given_to_ms[partition], partition))

    async def _add(self, found: Found, partition: TopicPartition, most: int) -> bool:
        """Add what lies here of one partition; False where there is nothing, or no more is wanted."""
        records = await self._take_of(partition, most) if most and self._error is None else []
        if records:
            found.setdefault(partition, []).extend(records)
            self._note({partition: records})
        return bool(records)

    async def _take_of(self, partition: TopicPartition, most: int) -> list[ConsumerRecord]:
        """Take what lies here of one partition. An error waits for the next call, or what is taken would be lost."""
        try:
            found: Found = await super().getmany(partition, timeout_ms=0, max_records=most)
        except KafkaError as error:
            self._error = error
            return []
        return found.get(partition, [])

    def _note(self, found: Found) -> int:
        """Note how far each partition is given; return how many records there are."""
        self._given_to_ms.update((partition, records[-1].timestamp) for partition, records in found.items())
        return _count(found)


def _count(found: Found) -> int:
    return sum(len(records) for records in found.values())


class WorkerBroker(KafkaBroker):
    """Builds WaitingConsumers. Consumes only: events are published by the relay, dead letters by their own producer."""

    def __init__(self, access: KafkaAccess, **options: Any) -> None:
        super().__init__(access.bootstrap, **options)
        self._access = access

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        builder: Any = await super()._connect()
        waiting = partial(WaitingConsumer, *builder.args, **{**builder.keywords, **self._access.to_arguments()})
        self.config.broker_config.builder = waiting
        return waiting
