"""A worker in this process for each test that wants one, with a topic and a group of its own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.subscription import Subscription
from crm_shared.bus.worker import Worker
from crm_testing.records import make_topic


@pytest.fixture
def group_id() -> str:
    return f"test.{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def topic(kafka_bootstrap: str, group_id: str) -> str:
    return await make_topic(kafka_bootstrap, partitions=2, group_id=group_id)


@pytest.fixture
def working(kafka_bootstrap: str) -> Callable[[Sequence[Subscription]], AbstractAsyncContextManager[Worker]]:
    @asynccontextmanager
    async def run(subscriptions: Sequence[Subscription]) -> AsyncIterator[Worker]:
        worker = Worker(ConsumerSettings(kafka_bootstrap, client_id="test"), subscriptions)
        task = asyncio.create_task(worker.run())
        yield worker
        worker.stop()
        await task

    return run
