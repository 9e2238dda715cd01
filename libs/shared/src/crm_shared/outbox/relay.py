"""Relay: brings committed outbox rows to Kafka in order of position. Knows no business; one per service publishes."""

import asyncio
from typing import Final

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.bus.producers import close_producer, open_producer
from crm_shared.bus.reachability import require_kafka
from crm_shared.outbox import metrics
from crm_shared.outbox.leader_election import elect_leader
from crm_shared.outbox.leader_session import LeaderSession, RelayStatus
from crm_shared.outbox.queue import OutboxQueue
from crm_shared.outbox.settings import RelaySettings
from crm_shared.outbox.wakeup import Wakeup

logger = structlog.get_logger(__name__)

AWAY: Final = (
    OSError,
    TimeoutError,
    KafkaError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What ends a term of leadership and is waited out. LeadershipLost is among them, being a ConnectionError."""


class Relay:
    """Run it with `await run()`; `stop()` lets the batch under way finish."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._status = RelayStatus()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def is_leader(self) -> bool:
        """Whether this relay holds the lock, and so publishes or waits for Kafka to let it."""
        return self._status.is_leader

    async def check_ready(self) -> None:
        """Raise what the relay waits for: PostgreSQL or Kafka. A relay that stands by is ready."""
        if self._status.trouble is not None:
            raise ConnectionError(self._status.trouble)
        await require_kafka(self._settings.kafka)

    async def run(self) -> None:
        """Stand by, lead, publish, until `stop`. PostgreSQL or Kafka away: wait and start anew; nothing is lost."""
        backoff = Backoff(last_s=2.0)
        while not self._stopping.is_set():
            try:
                await self._serve_leader_session(backoff)
            except AWAY as error:
                self._status.trouble = type(error).__name__
                metrics.FAILURES.labels(type(error).__name__).inc()
                delay_s = backoff.next_delay_s()
                logger.warning("relay waits", error=repr(error), retry_in_s=round(delay_s, 2))
                await wait_or_stop(delay_s, self._stopping)

    async def _serve_leader_session(self, backoff: Backoff) -> None:
        self._status.is_leader = False
        async with elect_leader(self._settings.dsn, self._stopping, on_standby=self._stand_by) as connection:
            if connection is None:
                return
            self._status.is_leader = True
            queue, wakeup = await OutboxQueue.open(connection), await Wakeup.open(connection)
            producer = await self._open_producer(queue)
            if producer is None:
                return
            self._status.trouble = None
            try:
                await LeaderSession(
                    self._settings, queue, wakeup, producer, stopping=self._stopping, status=self._status
                ).publish()
                backoff.reset()
            finally:
                # Short: what Kafka has not taken yet is still in the outbox, and the lock must not wait for it.
                await close_producer(producer, timeout_s=1.0)

    def _stand_by(self) -> None:
        self._status.trouble = None

    async def _open_producer(self, queue: OutboxQueue) -> AIOKafkaProducer | None:
        """Connect to Kafka, however long it takes, staying leader; None if the process stops first."""
        backoff = Backoff(last_s=2.0)
        while not self._stopping.is_set():
            try:
                return await open_producer(self._settings.kafka, client_id=f"{self._settings.service}-relay")
            except (KafkaError, OSError, TimeoutError) as error:
                self._status.trouble = type(error).__name__
                metrics.FAILURES.labels(type(error).__name__).inc()
                await queue.report_backlog()
                delay_s = backoff.next_delay_s()
                logger.warning("relay waits for Kafka", error=repr(error), retry_in_s=round(delay_s, 2))
                await wait_or_stop(delay_s, self._stopping)
        return None
