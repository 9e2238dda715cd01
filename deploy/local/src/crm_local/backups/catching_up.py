"""Waits until a service's workers have read what stands in their topics now."""

import asyncio
import importlib
import time
from typing import Final

from aiokafka import TopicPartition

from crm_local.plan import Plan
from crm_shared.bus.clients import make_consumer
from crm_shared.bus.group_offsets import read_group_offsets
from crm_shared.bus.topics import administering, list_partitions

CAUGHT_UP_WITHIN_S: Final = 600.0
POLL_S: Final = 0.5


class NotCaughtUp(Exception):
    """They have not within the time. The message names the groups."""


async def wait_caught_up(plan: Plan, service: str) -> None:
    """Return once each group has committed all that there is now. Raises NotCaughtUp, KafkaError."""
    groups = {one.group_id: one.topics for one in importlib.import_module(f"crm_{service}.worker").CONSUMERS}
    ends = await _find_ends(plan, sorted({topic for topics in groups.values() for topic in topics}))
    deadline = time.monotonic() + CAUGHT_UP_WITHIN_S
    async with administering(plan.kafka.bootstrap) as admin:
        while True:
            late = []
            for group_id, topics in groups.items():
                committed = await read_group_offsets(admin, group_id)
                wanted = {at: end for at, end in ends.items() if at.topic in topics and end}
                if any(committed.get(at, 0) < end for at, end in wanted.items()):
                    late.append(group_id)
            if not late:
                return
            if time.monotonic() > deadline:
                raise NotCaughtUp(f"{', '.join(late)} have not caught up within {CAUGHT_UP_WITHIN_S:.0f} s")
            await asyncio.sleep(POLL_S)


async def _find_ends(plan: Plan, topics: list[str]) -> dict[TopicPartition, int]:
    partitions = await list_partitions(plan.kafka.bootstrap, topics)
    consumer = make_consumer(plan.kafka.bootstrap)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends
    finally:
        await consumer.stop()
