"""FastStream's Kafka broker, with a consumer that waits for records instead of asking over and over."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from crm_shared.bus.tenant_turns import Found, TenantTurns
from crm_shared.kafka_access import KafkaAccess

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


HELD_BATCHES: Final = 5
HELD_BYTES: Final = 4 * 1024 * 1024
"""How much is held at once, behind a backlog, for tenants to have turns of: so far a flood is looked past."""


LOOK_OUT_S: Final = 0.1
"""How often it is looked what else has come, while a batch of a backlog is handled. What lies unread of a partition
keeps aiokafka from fetching what is behind it."""


class WaitingConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Gives no empty answers.

    After one, FastStream's batch subscriber sleeps as long as it has waited before, which would delay an event by up
    to that time; and a short wait would cost thousands of wake-ups a minute for nothing. Nor does it ask Kafka more
    often than it must: most of a suite's work while nothing happens was fetches that found nothing.

    Of several partitions it gives a little of each, and then first what was written first. aiokafka gives all that it
    holds of one before anything of the next: behind a backlog records came before those that they refer to.

    Behind a backlog it holds some batches of records, and gives every tenant an equal part of each batch first
    (`tenant_turns`). What is committed goes as far as all of a partition has been given: whatever dies in between, some
    records come twice.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._given_to_ms: dict[TopicPartition, int] = {}
        self._held = TenantTurns()
        self._held_of: object = None
        self._looking_out: asyncio.Task[None] | None = None
        self._is_behind = False
        self._error: KafkaError | None = None

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        most = max_records or self._max_poll_records
        await self._end_looking_out()
        while True:
            self._give_back_if_moved()
            await self._fill(partitions, max(timeout_ms, WAIT_MS), most)
            # What came while partitions moved may be of both sides, so that nothing of it is given.
            found = {} if self._give_back_if_moved() else self._held.take(most)
            # aiokafka lets it be said once for all of a consumer's life, and reads it at each fetch.
            self._fetcher._fetch_max_wait_ms = BUSY_FETCH_MS if found else IDLE_FETCH_MS  # noqa: SLF001
            if found:
                if self._held:
                    self._looking_out = asyncio.create_task(self._look_out(partitions, most))
                return found

    async def stop(self) -> None:
        """Stop, and forget what is held: it was not committed."""
        await self._end_looking_out()
        await super().stop()

    async def commit(self, offsets: Any = None) -> None:
        """Commit what was given of each partition without a gap, unless told what to commit."""
        self._give_back_if_moved()
        assignment = self._find_assignment()
        if offsets is None and assignment is not None and self._held:
            offsets = assignment.all_consumed_offsets()
            offsets |= {one: self._held.lowest(one) for one in self._held.partitions if one in offsets}
        await super().commit(offsets)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go to an offset, and no further than where something has yet to be given."""
        held = self._held.drop(partition)
        super().seek(partition, offset if held is None else min(offset, held))

    def _give_back_if_moved(self) -> bool:
        """Go back, where partitions were dealt anew, to what was held of ours; return whether they were."""
        assignment = self._find_assignment()
        if assignment is self._held_of:
            return False
        self._held_of = assignment
        for partition in self._held.partitions:
            lowest = self._held.drop(partition)
            if assignment is not None and partition in assignment.tps and lowest is not None:
                super().seek(partition, lowest)
        return True

    def _find_assignment(self) -> Any:
        """Return which partitions are ours: another object each time that they are dealt."""
        subscription = self._subscription.subscription
        return None if subscription is None else subscription.assignment

    async def _look_out(self, partitions: Sequence[TopicPartition], most: int) -> None:
        """Hold what comes while a batch is handled, of a quiet tenant maybe, for the next batch to have it."""
        while True:
            await asyncio.sleep(LOOK_OUT_S)
            await self._hold_more(partitions, most)

    async def _end_looking_out(self) -> None:
        if self._looking_out is not None:
            self._looking_out.cancel()
            await asyncio.wait([self._looking_out])
            self._looking_out = None

    async def _fill(self, partitions: Sequence[TopicPartition], wait_ms: int, most: int) -> None:
        """Hold something to give, and some batches of it behind a backlog."""
        if not self._held:
            await self._take(partitions, wait_ms, most)
        if self._is_behind:
            await self._hold_more(partitions, most)

    async def _hold_more(self, partitions: Sequence[TopicPartition], most: int) -> None:
        if self._held.size_bytes < HELD_BYTES:
            await self._add_oldest(partitions, HELD_BATCHES * most, anyway=1)

    async def _take(self, partitions: Sequence[TopicPartition], wait_ms: int, most: int) -> None:
        if (error := self._error) is not None:
            self._error = None
            raise error
        if self._is_behind:
            await self._add_oldest(partitions, most, anyway=most // ANYWAY)
        if not self._held:
            found: Found = await super().getmany(*partitions, timeout_ms=wait_ms, max_records=min(most, TURN_RECORDS))
            for partition, records in found.items():
                self._hold(partition, records)
            if len(self._held) == TURN_RECORDS:  # else nothing more lies here
                await self._add_oldest(partitions, most, anyway=most // ANYWAY)
        self._is_behind = len(self._held) == most

    async def _add_oldest(self, partitions: Sequence[TopicPartition], most: int, *, anyway: int) -> None:
        """Hold up to `most` of what lies here: `anyway` of all, then turns of whichever is furthest behind."""
        known = sorted(partitions or self.assignment())
        each = anyway // max(1, len(known)) + 1
        giving = [one for one in known if await self._add(one, min(each, most - len(self._held)))]
        behind = [(self._given_to_ms[one], one) for one in giving]
        heapify(behind)
        while behind:
            _, partition = heappop(behind)
            if await self._add(partition, min(TURN_RECORDS, most - len(self._held))):
                heappush(behind, (self._given_to_ms[partition], partition))

    async def _add(self, partition: TopicPartition, most: int) -> bool:
        """Hold some of what lies here of one partition; False where there is nothing, or no more is wanted."""
        if most <= 0 or self._error is not None:
            return False
        try:
            found: Found = await super().getmany(partition, timeout_ms=0, max_records=most)
        except KafkaError as error:
            self._error = error  # it waits until all that is held is given
            return False
        records = found.get(partition)
        if not records:
            return False
        self._hold(partition, records)
        return True

    def _hold(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        """Hold at once what was taken: whoever waits for the rest may be cut off."""
        self._held.add(partition, records)
        self._given_to_ms[partition] = records[-1].timestamp


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
