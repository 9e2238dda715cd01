"""What happens to one batch: decode each record alone, hand the good on, single out the bad, wait for the world."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from aiokafka import ConsumerRecord

from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.bus.dead_letters import DeadLetters, Stopping
from crm_shared.bus.metrics import BATCH_RECORDS, CONSUMED, HANDLER_S, LAG_S, RETRIES
from crm_shared.bus.subscription import Subscription
from crm_shared.bus.world import is_world_error
from crm_shared.contracts import BadRecord, Event, decode
from crm_shared.contracts.topics import is_compacted
from crm_shared.telemetry.traces import continue_trace

logger = structlog.get_logger(__name__)

Readable = tuple[ConsumerRecord, Event]


class BatchReader:
    """Takes the batches of one subscription. When `take` returns, every record is handled or a dead letter."""

    def __init__(self, subscription: Subscription, dead_letters: DeadLetters, stopping: asyncio.Event) -> None:
        self.subscription = subscription
        self.waits_for: str | None = None
        self._dead_letters = dead_letters
        self._stopping = stopping

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Deal with `records`, in order. Raises Stopping when the process ends first: nothing is to be committed."""
        BATCH_RECORDS.labels(self.subscription.group_id).observe(len(records))
        readable = [pair for record in records if (pair := await self._read(record)) is not None]
        await self._handle(readable)
        await self._bury_erased(readable)
        self._count(records, readable)

    def _count(self, records: Sequence[ConsumerRecord], readable: Sequence[Readable]) -> None:
        group_id = self.subscription.group_id
        for topic, count in Counter(record.topic for record in records).items():
            CONSUMED.labels(group_id, topic).inc(count)
        now = datetime.now(UTC)
        for topic, event in {record.topic: event for record, event in readable}.items():
            LAG_S.labels(group_id, topic).set((now - event.occurred_at).total_seconds())

    async def _bury_erased(self, readable: Sequence[Readable]) -> None:
        """Take away what was set aside of records that are erased now. Said again at each telling: it costs little."""
        for record, event in readable:
            if event.tells_of_erasure and is_compacted(record.topic):
                await self._dead_letters.bury(record, self.subscription.group_id)

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
            continue_trace(events[0].traceparent if len(events) == 1 else None)
            started_at_s = time.perf_counter()
            try:
                await self.subscription.handler(events.copy())
            except Exception as error:  # noqa: BLE001 - a handler may raise anything; which kind it is decides the rest
                if not is_world_error(error, self.subscription.world_errors):
                    return error
                await self._wait(error, backoff)
            else:
                HANDLER_S.labels(group_id).observe(time.perf_counter() - started_at_s)
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
