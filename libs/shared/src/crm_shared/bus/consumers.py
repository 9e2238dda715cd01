"""Ends a consumer that belongs to no worker without hanging."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

STOP_TIMEOUT_S: Final = 2.0


async def close_consumer(consumer: AIOKafkaConsumer, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Stop it, and end what is left of it after `timeout_s`. Never raises a Kafka error.

    `consumer.stop()` alone waits for ever where the assignment has just been given up: the task that fetches takes the
    cancellation for that of the fetch which it waits for, and goes on to the next assignment, which never comes.
    """
    stop = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stop], timeout=timeout_s)
    fetcher = consumer._fetcher  # noqa: SLF001 - nobody else can tell it a second time
    if not stop.done() and fetcher is not None:
        fetcher._fetch_task.cancel()  # noqa: SLF001
        await asyncio.wait([stop], timeout=timeout_s)
    if not stop.done() or stop.cancelled() or stop.exception() is not None:
        # Where that task has ended in an error, `stop` raises it and leaves its connections open.
        await consumer._client.close()  # noqa: SLF001
    if stop.done() and not stop.cancelled() and not isinstance(stop.exception(), (KafkaError, OSError, type(None))):
        stop.result()
