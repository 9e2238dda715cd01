"""FastStream's Kafka broker, with a consumer that waits for records instead of asking over and over."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faststream.kafka import KafkaBroker

from crm_shared.kafka_access import KafkaAccess

WAIT_MS: Final = 5000
"""After so long without a record a consumer is idle."""

BUSY_FETCH_MS: Final = 500
IDLE_FETCH_MS: Final = 2000
"""How long Kafka may keep a fetch that it has nothing for. A record ends an idle one at once, as it is of all
partitions; one that is sent while records lie here unread is not of their partitions, which wait for its end."""


class WaitingConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Gives no empty answers.

    After one, FastStream's batch subscriber sleeps as long as it has waited before, which would delay an event by up
    to that time; and a short wait would cost thousands of wake-ups a minute for nothing. Nor does it ask Kafka more
    often than it must: most of a suite's work while nothing happens was fetches that found nothing.
    """

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        while True:
            wait_ms = max(timeout_ms, WAIT_MS)
            found: dict[TopicPartition, list[ConsumerRecord]] = await super().getmany(
                *partitions, timeout_ms=wait_ms, max_records=max_records
            )
            # aiokafka lets it be said once for all of a consumer's life, and reads it at each fetch.
            self._fetcher._fetch_max_wait_ms = BUSY_FETCH_MS if found else IDLE_FETCH_MS  # noqa: SLF001
            if found:
                return found


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
