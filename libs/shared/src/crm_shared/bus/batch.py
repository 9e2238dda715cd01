"""What happens to one batch: decode each record alone, hand the good on, single out the bad, wait for the world."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from aiokafka import ConsumerRecord

from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.bus.batch_span import begin_batch
from crm_shared.bus.dead_letters import DeadLetters, Stopping
from crm_shared.bus.metrics import BATCH_RECORDS, CONSUMED, DEAD_LETTERED, FRESHNESS_S, HANDLER_S, RETRIES
from crm_shared.bus.subscription import Subscription
from crm_shared.clock import time_of_id_s
from crm_shared.contracts import BadRecord, Event, decode
from crm_shared.contracts.event_types import VERBS
from crm_shared.contracts.topics import SNAPSHOT, is_compacted
from crm_shared.event_loop_turns import in_turns, next_turn
from crm_shared.gc_freeze import WORK_IN_HAND
from crm_shared.telemetry.spans import exemplar_of
from crm_shared.transient import is_transient

logger = structlog.get_logger(__name__)

Readable = tuple[ConsumerRecord, Event]

PIECE_RECORDS: Final = 100
PIECE_BYTES: Final = 262_144
"""What is decoded without letting others have the event loop: some 4 ms."""


def written_at_s(event: Event) -> float:
    """Say when an event was written, in seconds of Unix time. `occurred_at` may be any day in the past."""
    at_s = time_of_id_s(event.id)
    return event.occurred_at.timestamp() if at_s is None else at_s


def _begin_at_zero(subscription: Subscription) -> None:
    """Show what may be counted before there is any: of a counter whose first value is 1 no increase is seen."""
    group_id = subscription.group_id
    for topic in subscription.topics:
        CONSUMED.labels(group_id, topic)
        for verb in ("unknown", *VERBS.get(topic.removeprefix("crm."), ())):
            DEAD_LETTERED.labels(group_id, topic, verb)


class BatchReader:
    """Takes the batches of one subscription. When `take` returns, every record is handled or a dead letter."""

    def __init__(self, subscription: Subscription, dead_letters: DeadLetters, stopping: asyncio.Event) -> None:
        self.subscription = subscription
        self.waits_for: str | None = None
        self._dead_letters = dead_letters
        self._stopping = stopping
        self._freshness = [FRESHNESS_S.labels(subscription.group_id, kind) for kind in ("live", SNAPSHOT)]
        _begin_at_zero(subscription)

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Deal with `records`, in order. Raises Stopping when the process ends first: nothing is to be committed."""
        with WORK_IN_HAND:
            await self._take(records)

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        BATCH_RECORDS.labels(self.subscription.group_id).observe(len(records))
        readable = await self._read_all(records)
        for part in _split(readable, self.subscription.part_bytes):
            await next_turn()
            await self._handle(part)
        await self._bury_erased(readable)
        self._count(records, readable)

    def _count(self, records: Sequence[ConsumerRecord], readable: Sequence[Readable]) -> None:
        group_id = self.subscription.group_id
        for topic, count in Counter(record.topic for record in records).items():
            CONSUMED.labels(group_id, topic).inc(count)
        now_s = time.time()
        for _, event in readable:
            # A clock that is ahead of ours by a little makes no event negative.
            passed_s = max(0.0, now_s - written_at_s(event))
            self._freshness[event.verb == SNAPSHOT].observe(passed_s, exemplar_of(event.traceparent))

    async def _bury_erased(self, readable: Sequence[Readable]) -> None:
        """Take away what was set aside of records that are erased now. Said again at each telling: it costs little."""
        for record, event in readable:
            if event.is_erasure and is_compacted(record.topic):
                await self._dead_letters.bury(record, self.subscription.group_id)

    async def _read_all(self, records: Sequence[ConsumerRecord]) -> list[Readable]:
        pieces = in_turns(records, at_once=PIECE_RECORDS, weigh=_size_of, at_most=PIECE_BYTES)
        return [pair async for record in pieces if (pair := await self._read(record)) is not None]

    async def _read(self, record: ConsumerRecord) -> Readable | None:
        if record.value is None:
            return None  # a tombstone tells nothing: erasure has an event of its own
        try:
            return record, decode(record.key, record.value, record.headers, topic=record.topic)
        except BadRecord as error:
            await self._dead_letters.put(record, self.subscription.group_id, error)
            return None

    async def _handle(self, readable: Sequence[Readable]) -> None:
        """Hand on; on an error that is not the world's, halve until the bad record stands alone.

        Handlers are idempotent, so good records may pass twice. One bad among n costs about 2 log2(n) more calls.
        """
        if not readable:
            return
        error = await self._try(readable)
        if error is None:
            return
        if len(readable) == 1:
            await self._dead_letters.put(readable[0][0], self.subscription.group_id, error)
            return
        middle = len(readable) // 2
        await self._handle(readable[:middle])
        await self._handle(readable[middle:])

    async def _try(self, readable: Sequence[Readable]) -> Exception | None:
        """Call the handler until the world lets it end: None when it succeeded, else the records' error."""
        group_id = self.subscription.group_id
        events = [event for _, event in readable]
        backoff = Backoff()
        while True:
            started_at_s = time.perf_counter()
            try:
                with begin_batch(group_id, readable) as span:
                    await self.subscription.handler(events.copy())
            except Exception as error:  # noqa: BLE001 - a handler may raise anything; which kind it is decides the rest
                if not is_transient(error, self.subscription.transient_errors):
                    return error
                await self._wait(error, backoff)
            else:
                HANDLER_S.labels(group_id).observe(time.perf_counter() - started_at_s, span.exemplar)
                self.waits_for = None
                return None

    async def _wait(self, error: Exception, backoff: Backoff) -> None:
        """Pause inside the handler: the consumer goes on with its heartbeats and keeps its partitions meanwhile."""
        self.waits_for = type(error).__name__
        RETRIES.labels(self.subscription.group_id, self.waits_for).inc()
        delay_s = backoff.next_delay_s()
        logger.warning(
            "consumer waits",
            group=self.subscription.group_id,
            error=repr(error),
            tries=backoff.tries,
            retry_in_s=round(delay_s, 2),
        )
        if await wait_or_stop(delay_s, self._stopping):
            raise Stopping from error


def _size_of(record: ConsumerRecord) -> int:
    return len(record.value or b"")


def _split(readable: Sequence[Readable], part_bytes: int) -> Iterator[Sequence[Readable]]:
    """Yield them in parts of at most so many bytes, or of one record alone."""
    begin, size = 0, 0
    for end, (record, _) in enumerate(readable):
        if end > begin and size + _size_of(record) > part_bytes:
            yield readable[begin:end]
            begin, size = end, 0
        size += _size_of(record)
    if readable:
        yield readable[begin:]
