"""Behind one tenant's backlog the others have their turns; each record comes in its tenant's order, none is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError

from crm_shared.bus.broker import WaitingConsumer
from crm_shared.bus.producers import producing
from crm_shared.bus.tenant_turns import TENANT_HEADER, TenantTurns
from crm_shared.bus.topics import list_partitions
from crm_shared.kafka_access import to_access
from crm_testing.records import make_topic
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

PARTITIONS = [TopicPartition("crm.deal", number) for number in range(3)]


def record(partition: TopicPartition, offset: int, tenant: str | None) -> ConsumerRecord:
    headers = [] if tenant is None else [(TENANT_HEADER, tenant.encode())]
    of_value = {"checksum": None, "serialized_key_size": 0, "serialized_value_size": 0}
    return ConsumerRecord(
        topic=partition.topic, partition=partition.partition, offset=offset, timestamp=0, timestamp_type=0, key=b"",
        value=b"{}", headers=headers, **of_value,
    )  # fmt: skip


def to_tenants(found: dict[TopicPartition, list[ConsumerRecord]]) -> Iterator[str]:
    for records in found.values():
        for one in records:
            yield one.headers[0][1].decode() if one.headers else ""


def test_a_flood_leaves_every_tenant_its_part() -> None:
    turns = TenantTurns()
    turns.add(PARTITIONS[0], [record(PARTITIONS[0], offset, "loud") for offset in range(1000)])
    turns.add(PARTITIONS[0], [record(PARTITIONS[0], 1000 + offset, "quiet") for offset in range(3)])
    turns.add(PARTITIONS[1], [record(PARTITIONS[1], 0, None), record(PARTITIONS[1], 1, "busy")])
    turns.add(PARTITIONS[2], [record(PARTITIONS[2], offset, "busy") for offset in range(100)])

    assert Counter(to_tenants(turns.take(100))) == {"loud": 71, "quiet": 3, "": 1, "busy": 25}
    assert turns.lowest(PARTITIONS[0]) == 71, "no further than without a gap"
    assert Counter(to_tenants(turns.take(100))) == {"loud": 50, "busy": 50}
    assert len(turns) == 1105 - 200


@pytest.mark.parametrize("seed", range(20))
def test_all_come_once_in_their_tenants_order_and_nothing_is_passed_over(seed: int) -> None:
    chance, turns = random.Random(seed), TenantTurns()  # noqa: S311
    next_offset, handled = dict.fromkeys(PARTITIONS, 0), {one: set[int]() for one in PARTITIONS}
    order: dict[tuple[str, TopicPartition], list[int]] = {}
    for _ in range(200):
        for one in chance.sample(PARTITIONS, chance.randint(0, 3)):
            count = chance.randint(1, 40)
            tenants = chance.choices(["a", "b", "c", "d"], [40, 5, 2, 1], k=count)
            turns.add(one, [record(one, next_offset[one] + at, tenant) for at, tenant in enumerate(tenants)])
            next_offset[one] += count
        for one, records in turns.take(chance.randint(1, 60)).items():
            assert not handled[one] & {got.offset for got in records}
            handled[one] |= {got.offset for got in records}
            for got in records:
                order.setdefault((got.headers[0][1].decode(), one), []).append(got.offset)
        for one in PARTITIONS:
            lowest = turns.lowest(one)
            reached = next_offset[one] if lowest is None else lowest
            assert handled[one] >= set(range(reached)), "what is committed has been given"
            assert reached not in handled[one]
        if chance.random() < 0.05:  # it goes back to where nothing was passed over
            one = chance.choice(PARTITIONS)
            lowest = turns.drop(one)
            if lowest is not None:
                again = [offset for offset in handled[one] if offset >= lowest]
                handled[one] -= {*again}
                order = {key: [at for at in got if key[1] != one or at < lowest] for key, got in order.items()}
                next_offset[one] = lowest
    assert all(offsets == sorted(offsets) for offsets in order.values())
    left = turns.take(100_000)
    assert (len(turns), turns.size_bytes) == (0, 0)
    for one in PARTITIONS:
        handled[one] |= {got.offset for got in left.get(one, [])}
        assert handled[one] == set(range(next_offset[one]))


@asynccontextmanager
async def reading(kafka_bootstrap: str, topic: str, group_id: str) -> AsyncIterator[WaitingConsumer]:
    arguments: dict[str, Any] = to_access(kafka_bootstrap).to_arguments()
    consumer = WaitingConsumer(
        topic, **arguments, group_id=group_id, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def write(kafka_bootstrap: str, topic: str, tenants: Sequence[str]) -> None:
    """Write one record for each, numbered, to the topic's partitions in turn."""
    partitions = len(await list_partitions(kafka_bootstrap, [topic]))
    async with producing(kafka_bootstrap, client_id="test-writer") as producer:
        for number, tenant in enumerate(tenants):
            headers = [(TENANT_HEADER, tenant.encode())]
            await producer.send(topic, b"%d" % number, partition=number % partitions, headers=headers)


def to_numbers(found: dict[TopicPartition, list[ConsumerRecord]]) -> list[int]:
    return sorted(int(one.value) for records in found.values() for one in records)


async def read_first(consumer: WaitingConsumer, most: int) -> list[int]:
    """Return the first whole batch: the very first ones may come as they are, before all are there."""
    while len(numbers := to_numbers(await consumer.getmany(max_records=most))) < most:
        for partition in consumer.assignment():
            consumer.seek(partition, 0)
    return numbers


async def read(consumer: WaitingConsumer, most: int) -> dict[TopicPartition, list[ConsumerRecord]]:
    """Read a batch; nothing where none comes in ten seconds, as for a member that was dealt no partition."""
    try:
        async with asyncio.timeout(10):
            return await consumer.getmany(max_records=most)
    except TimeoutError:
        return {}


LOUD, MOST = 500, 200
QUIET = [LOUD, LOUD + 1, LOUD + 2]


@pytest.fixture
async def flooded(kafka_bootstrap: str) -> str:
    topic = await make_topic(kafka_bootstrap)
    await write(kafka_bootstrap, topic, ["loud"] * LOUD + ["quiet"] * len(QUIET))
    return topic


async def test_what_dies_after_a_commit_has_passed_over_nothing(
    kafka_bootstrap: str, flooded: str, group_id: str
) -> None:
    async with reading(kafka_bootstrap, flooded, group_id) as consumer:
        first = await read_first(consumer, MOST)
        assert first[-len(QUIET) :] == QUIET, "a flood is no other tenant's wait"
        await consumer.commit()
        await consumer.getmany(max_records=MOST)
    async with reading(kafka_bootstrap, flooded, group_id) as successor:
        left: list[int] = []
        while len(left) < LOUD + len(QUIET) - (MOST - len(QUIET)):
            left += to_numbers(await successor.getmany(max_records=MOST))
        assert sorted(left) == [*range(MOST - len(QUIET), LOUD + len(QUIET))]
        await successor.commit()
        (partition,) = successor.assignment()
        assert await successor.committed(partition) == LOUD + len(QUIET)


async def test_what_comes_while_a_batch_is_handled_is_in_the_next(
    kafka_bootstrap: str, flooded: str, group_id: str
) -> None:
    async with reading(kafka_bootstrap, flooded, group_id) as consumer:
        await read_first(consumer, MOST)
        held = consumer._held  # noqa: SLF001 - to know that it has come

        async def has_come() -> bool:
            return len(held) == LOUD + len(QUIET) - MOST + 1

        await write(kafka_bootstrap, flooded, ["late"])
        await wait_until(has_come)
        assert 0 in to_numbers(await consumer.getmany(max_records=MOST // 2))


async def test_a_batch_that_failed_comes_again_with_what_was_passed_over(
    kafka_bootstrap: str, flooded: str, group_id: str
) -> None:
    async with reading(kafka_bootstrap, flooded, group_id) as consumer:
        await read_first(consumer, MOST)
        (partition,) = consumer.assignment()
        consumer.seek(partition, LOUD)  # as if only the quiet tenant's had been in it
        await consumer.commit()
        assert await consumer.committed(partition) == MOST - len(QUIET)
        again: list[int] = []
        while len(again) < LOUD + len(QUIET) - (MOST - len(QUIET)):
            again += to_numbers(await consumer.getmany(max_records=MOST))
        assert sorted(again) == [*range(MOST - len(QUIET), LOUD + len(QUIET))]


@pytest.mark.parametrize("seed", range(3))
async def test_partitions_that_are_dealt_anew_lose_nothing(kafka_bootstrap: str, group_id: str, seed: int) -> None:
    """Consumers come and go in the middle of a backlog, one of them without a word about its last batch."""
    chance = random.Random(seed)  # noqa: S311
    topic, count = await make_topic(kafka_bootstrap, partitions=4), 3000
    await write(kafka_bootstrap, topic, chance.choices(["a", "b", "c"], [20, 3, 1], k=count))
    handled = set[int]()

    async def work(batches: int) -> None:
        async with reading(kafka_bootstrap, topic, group_id) as consumer:
            for _ in range(batches):
                found = await read(consumer, chance.randint(20, 120))
                await asyncio.sleep(chance.random() / 20)
                handled.update(to_numbers(found))
                with suppress(CommitFailedError):
                    await consumer.commit()
                if len(handled) == count:
                    return
            await read(consumer, 50)  # given, and never handled

    await asyncio.gather(*(work(chance.randint(2, 8)) for _ in range(3)))
    while len(handled) < count:
        await work(1000)
    assert handled == {*range(count)}
