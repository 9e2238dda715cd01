"""One term of leadership: rows read, sent, acknowledged, deleted, over and over."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from crm_shared.bus.backoff import wait_or_stop
from crm_shared.outbox import metrics
from crm_shared.outbox.batches import Sent, send
from crm_shared.outbox.leader_election import LeadershipLost
from crm_shared.outbox.queue import OutboxQueue
from crm_shared.outbox.sent_spans import record_sent
from crm_shared.outbox.settings import RelaySettings
from crm_shared.outbox.wakeup import Wakeup

logger = structlog.get_logger(__name__)

FIRST_IDLE_S: Final = 0.001
SLEEP_S: Final = 1.0
"""How long nothing is asked of PostgreSQL at most. A row wakes the relay; this is for databases without the trigger."""

MEASURE_EVERY_S: Final = 5.0
ACKNOWLEDGE_WAIT_S: Final = 1.0


@dataclass(slots=True)
class RelayStatus:
    """What the relay waits for, None when nothing; and the rows that Kafka refuses, which it passes over."""

    trouble: str | None = "starting"
    is_leader: bool = False
    held_positions: set[int] = field(default_factory=set)


class LeaderSession:
    """Lasts until the process stops, or an error ends it: then the rows are still there for the next term."""

    def __init__(
        self,
        settings: RelaySettings,
        queue: OutboxQueue,
        wakeup: Wakeup,
        producer: AIOKafkaProducer,
        *,
        stopping: asyncio.Event,
        status: RelayStatus,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._wakeup = wakeup
        self._producer = producer
        self._stopping = stopping
        self._status = status
        self._sent: Sent | None = None
        self._acknowledged: list[int] = []
        self._loop = asyncio.get_running_loop()
        self._measured_at_s = float("-inf")

    async def publish(self) -> None:
        """Run until the process stops. Raises KafkaError when the producer has failed for good.

        Deleting what was acknowledged is the last act on either way: Kafka's trouble is no reason to send twice.
        """
        try:
            await self._run_cycles()
            await self._drain()
        except KafkaError:
            await self._take(limit=0)
            raise
        await self._take(limit=0)

    async def _run_cycles(self) -> None:
        idle_s = FIRST_IDLE_S
        while not self._stopping.is_set():
            # The next rows are read while Kafka still writes the last ones.
            has_worked = bool(self._acknowledged or self._sent)
            is_idle = not has_worked and await self._queue.is_empty()
            rows = [] if is_idle else await self._take(limit=self._settings.batch_rows)
            await self._drain()
            if rows:
                await self._send(rows)
            await self._measure(every_s=MEASURE_EVERY_S)
            if rows or has_worked:
                idle_s = FIRST_IDLE_S
            elif idle_s < self._settings.last_idle_s or not is_idle or not await self._sleep():
                await wait_or_stop(idle_s, self._stopping)
                idle_s = min(idle_s * 1.5, self._settings.last_idle_s)

    async def _sleep(self) -> bool:
        """Sleep until a row comes; False, at once, while somebody writes one."""
        if not await self._wakeup.begin_sleep():
            return False
        if await self._queue.is_empty():
            await self._wakeup.sleep(SLEEP_S, self._stopping)
        await self._wakeup.end_sleep()
        return True

    async def _take(self, *, limit: int) -> list[asyncpg.Record]:
        rows = await self._queue.take(
            acknowledged=self._acknowledged,
            under_way=[*(self._sent.positions if self._sent else ()), *self._status.held_positions],
            limit=limit,
        )
        self._acknowledged = []
        return rows

    async def _send(self, rows: list[asyncpg.Record]) -> None:
        if self._queue.is_closed:
            raise LeadershipLost("the session that held the lock was closed")
        self._sent = await send(self._producer, rows)

    async def _drain(self) -> None:
        """Wait for Kafka's word on all that was sent. Raises the first error, after noting what did arrive.

        While Kafka is away this lasts as long as it must: an idempotent producer tries on by itself, and dropping it
        would send the same records twice.
        """
        if self._sent is None:
            return
        await self._await_acknowledgements(self._sent)
        self._status.trouble = None
        sent, self._sent = self._sent, None
        record_sent(sent)
        arrived = sent.list_arrived()
        self._acknowledged += arrived
        metrics.CYCLE_ROWS.observe(len(arrived))
        for topic, row_count in sent.count_arrived().items():
            metrics.PUBLISHED.labels(topic).inc(row_count)
        self._hold_back(sent.list_refused())
        sent.raise_first_error()

    async def _await_acknowledgements(self, sent: Sent) -> None:
        waited_since_s = self._loop.time()
        pending = sent.list_pending()
        while pending:
            await asyncio.wait(pending, timeout=ACKNOWLEDGE_WAIT_S)
            pending = sent.list_pending()
            if not pending:
                return
            if self._stopping.is_set() and self._loop.time() - waited_since_s > self._settings.drain_timeout_s:
                raise KafkaError("not acknowledged in time for the relay to stop; the rows stay in the outbox")
            self._status.trouble = "Kafka does not acknowledge"
            await self._measure(every_s=0)  # shows the growing backlog, and that the session (so the lock) is ours

    def _hold_back(self, positions: list[int]) -> None:
        """Pass over rows that Kafka will never take, so that the others go on; they stay there for a person."""
        if positions:
            self._status.held_positions.update(positions)
            metrics.HELD_ROWS.set(len(self._status.held_positions))
            logger.error("outbox rows are too large for Kafka and are held back", positions=positions)

    async def _measure(self, *, every_s: float) -> None:
        if self._loop.time() - self._measured_at_s >= every_s:
            await self._queue.report_backlog()
            self._measured_at_s = self._loop.time()
