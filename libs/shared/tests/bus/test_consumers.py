"""A consumer of our own ends, whatever it was at."""

import asyncio

import pytest
from aiokafka import TopicPartition

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.consumers import close_consumer


@pytest.mark.engines
async def test_one_whose_assignment_was_just_given_up_ends(kafka_bootstrap: str, topic: str) -> None:
    consumer = make_consumer(kafka_bootstrap, enable_auto_commit=False)
    await consumer.start()
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    await consumer.getmany(partition, timeout_ms=300)  # and so there is a fetch under way
    consumer.unsubscribe()
    async with asyncio.timeout(30):
        await close_consumer(consumer, timeout_s=0.5)


async def test_one_that_was_never_started_ends() -> None:
    consumer = make_consumer("127.0.0.1:9", enable_auto_commit=False)
    async with asyncio.timeout(30):
        await close_consumer(consumer)
