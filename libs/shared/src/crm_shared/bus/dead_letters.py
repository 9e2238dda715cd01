"""Sets bad records aside: the original bytes on `<topic>.<group>.dlq`, with headers that say why."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.bus.metrics import DEAD_LETTERED, RETRIES
from crm_shared.bus.producers import close_producer, open_producer
from crm_shared.contracts import EVENT_TYPES, BadRecord
from crm_shared.contracts.topics import dead_letter_topic, is_compacted
from crm_shared.kafka_access import Kafka

logger = structlog.get_logger(__name__)

ERROR_HEADER_PREFIX: Final = "crm_error_"
MAX_REASON_CHARS: Final = 500


class Stopping(Exception):
    """The process stops before the record could be dealt with; its offset must not be committed."""


def original_headers(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return a dead letter's headers as they were before it became one."""
    return [(name, value) for name, value in headers if not name.startswith(ERROR_HEADER_PREFIX)]


def verb_of(record: ConsumerRecord) -> str:
    """Return the verb that a record's type ends in, `unknown` for any that is none of ours: metrics have few labels."""
    event_type = (dict(record.headers).get("ce_type") or b"").decode("latin-1")
    return event_type.rpartition(".")[2] if event_type in EVENT_TYPES else "unknown"


def describe_error(record: ConsumerRecord, error: BaseException) -> list[tuple[str, bytes]]:
    """Make the `crm_error_*` headers: reason, type, where the record stood, and now as RFC 3339."""
    reason = str(error).partition("\n")[0][:MAX_REASON_CHARS]  # PostgreSQL's further lines quote the row
    described = {
        "reason": reason,
        "type": type(error).__qualname__,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    return [(f"{ERROR_HEADER_PREFIX}{name}", text.encode()) for name, text in described.items()]


class DeadLetters:
    """One worker's way to its dead-letter topics. Connects when first needed, which is seldom."""

    def __init__(self, kafka: Kafka, *, client_id: str, stopping: asyncio.Event) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._stopping = stopping
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def put(self, record: ConsumerRecord, group_id: str, error: BaseException) -> None:
        """Return once every replica has the dead letter: only then may the record's offset be committed.

        Tries until it succeeds, since Kafka away is no reason to lose it. Raises Stopping when the process stops first.
        """
        topic = dead_letter_topic(record.topic, group_id)
        headers = [*original_headers(record.headers), *describe_error(record, error)]
        # A compacted topic takes no record without a key, and would be asked for ever.
        key = b"" if record.key is None and is_compacted(record.topic) else record.key
        await self._send(topic, group_id, key, record.value, headers)
        DEAD_LETTERED.labels(group_id, record.topic, verb_of(record)).inc()
        logger.error(
            "record dead-lettered",
            topic=topic,
            partition=record.partition,
            offset=record.offset,
            error=type(error).__qualname__,
            # Others than ours may quote the record. Their words are in the letter, which an erasure takes away.
            reason=str(error) if isinstance(error, BadRecord) else None,
        )

    async def bury(self, record: ConsumerRecord, group_id: str) -> None:
        """Have compaction take away every letter of this record's key. Raises Stopping as `put` does."""
        await self._send(dead_letter_topic(record.topic, group_id), group_id, record.key, None, [])

    async def _send(
        self, topic: str, group_id: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        backoff = Backoff()
        while True:
            try:
                producer = await self._connect()
                await producer.send_and_wait(topic, value=value, key=key, headers=headers)
            except (KafkaError, OSError, TimeoutError) as failure:
                RETRIES.labels(group_id, type(failure).__name__).inc()
                logger.warning("dead letter waits", topic=topic, error=repr(failure), tries=backoff.tries)
                await self.close()
                if await wait_or_stop(backoff.next_delay_s(), self._stopping):
                    raise Stopping from failure
            else:
                return

    async def _connect(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                self._producer = await open_producer(self._kafka, client_id=f"{self._client_id}-dead-letters")
            return self._producer

    async def close(self) -> None:
        async with self._lock:
            producer, self._producer = self._producer, None
            if producer is not None:
                await close_producer(producer, timeout_s=1.0)
