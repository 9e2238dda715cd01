"""The one kind of producer that the suite has: idempotent, every replica asked, ended without hanging."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from crm_shared.bus.clients import make_producer
from crm_shared.kafka_access import Kafka

# A command's body may be 1 MiB and a state a little more than its body; topics are created to take it.
MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
BATCH_BYTES: Final = 512 * 1024
STOP_TIMEOUT_S: Final = 5.0


async def open_producer(kafka: Kafka, *, client_id: str) -> AIOKafkaProducer:
    """Connect an idempotent producer with acks=all. Raises KafkaConnectionError when no broker answers.

    Idempotence means that a retry inside the producer neither repeats nor reorders. After an error that ends a
    batch it is worthless (its sequence has a gap) and must be dropped for a new one.
    """
    producer = make_producer(
        kafka,
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=15_000,
        metadata_max_age_ms=30_000,
    )
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


async def close_producer(producer: AIOKafkaProducer, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Send what is queued, for `timeout_s` at most, then cut the connections. Never raises a Kafka error.

    `producer.stop()` alone waits for ever while Kafka is away: idempotent batches do not expire.
    """
    stop = asyncio.ensure_future(producer.stop())
    await asyncio.wait([stop], timeout=timeout_s)
    if not stop.done():
        sender = producer._sender.sender_task  # noqa: SLF001 - aiokafka has no public way to drop what is queued
        if sender is not None:
            sender.cancel()
        await producer.client.close()
        producer._message_accumulator.fail_all(KafkaError("the producer was closed before this was sent"))  # noqa: SLF001
        # A sender that is cancelled twice, here and in `stop`, ends `stop` as cancelled: not our cancellation.
        await asyncio.wait([stop], timeout=timeout_s)
    if stop.done() and not stop.cancelled() and not isinstance(stop.exception(), (KafkaError, OSError, type(None))):
        stop.result()


@asynccontextmanager
async def producing(kafka: Kafka, *, client_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """Lend a producer for the block."""
    producer = await open_producer(kafka, client_id=client_id)
    try:
        yield producer
    finally:
        await close_producer(producer)
