"""Runs a service's consumers in one process, until it is told to stop."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka.errors import KafkaError
from faststream import FastStream

from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.bus.batch import BatchReader
from crm_shared.bus.dead_letters import DeadLetters
from crm_shared.bus.process import stopping_on_signals
from crm_shared.bus.reachability import require_kafka
from crm_shared.bus.subscriber import ConsumerSettings, add_subscriber, make_broker, require_policy
from crm_shared.bus.subscription import Subscription
from crm_shared.bus.topics import list_missing_topics
from crm_shared.bus.unhandled import watching_unhandled
from crm_shared.http.server import serving
from crm_shared.telemetry.health import Check, health_app

logger = structlog.get_logger(__name__)

STOP_TIMEOUT_S = 20.0


class Worker:
    """Run it with `await run()`; `stop()` lets the batches under way finish. `app` is the FastStream application."""

    def __init__(self, settings: ConsumerSettings, subscriptions: Iterable[Subscription]) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._dead_letters = DeadLetters(settings.kafka, client_id=settings.client_id, stopping=self._stopping)
        self._readers = [
            BatchReader(subscription, self._dead_letters, self._stopping) for subscription in subscriptions
        ]
        self._broker = make_broker(settings)
        for reader in self._readers:
            add_subscriber(self._broker, reader, settings)
        require_policy(self._broker)
        self.app = FastStream(self._broker)
        self._trouble: str | None = "starting"

    @property
    def topics(self) -> Sequence[str]:
        return sorted({topic for reader in self._readers for topic in reader.subscription.topics})

    def stop(self) -> None:
        self._stopping.set()

    async def check_ready(self) -> None:
        """Raise what the worker waits for: Kafka, topics, or the stores of its handlers."""
        waits_for = self._trouble or next((reader.waits_for for reader in self._readers if reader.waits_for), None)
        if waits_for is not None:
            raise ConnectionError(waits_for)
        await require_kafka(self._settings.kafka)

    async def run(self) -> None:
        """Consume until `stop`. Waits for Kafka and the topics; once started, the consumers reconnect by themselves."""
        try:
            if await self._start():
                self._trouble = None
                logger.info("worker consumes", topics=self.topics)
                await self._stopping.wait()
        finally:
            await self._end()

    async def _start(self) -> bool:
        backoff = Backoff(last_s=2.0)
        while not self._stopping.is_set():
            try:
                missing = await list_missing_topics(self._settings.kafka, self.topics)
                if not missing:
                    await self.app.start()
                    return True
                self._trouble = f"topics missing: {', '.join(missing)}"
            except (KafkaError, OSError, TimeoutError) as error:
                self._trouble = type(error).__name__
                await self._broker.stop()
            delay_s = backoff.next_delay_s()
            logger.warning("worker waits", trouble=self._trouble, retry_in_s=round(delay_s, 2))
            await wait_or_stop(delay_s, self._stopping)
        return False

    async def _end(self) -> None:
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._broker.stop()
        except TimeoutError:
            logger.warning("worker stops without leaving its groups", waited_s=STOP_TIMEOUT_S)
        await self._dead_letters.close()


async def run_worker(
    settings: ConsumerSettings,
    subscriptions: Sequence[Subscription],
    *,
    http_host: str,
    http_port: int,
    checks: Mapping[str, Check] | None = None,
) -> None:
    """Consume until SIGTERM or SIGINT; then the batches under way are finished. Raises OSError when the port is taken.

    `checks` are the service's own (its database, its index), for `/readyz`.
    """
    worker = Worker(settings, subscriptions)
    with stopping_on_signals(worker.stop):
        app = health_app({"consumers": worker.check_ready, **(checks or {})})
        async with (
            serving(app, host=http_host, port=http_port),
            watching_unhandled(settings.kafka, subscriptions),
        ):
            await worker.run()
