"""Of several partitions a consumer gives first what was written first, and loses nothing to an error among them."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, RecordTooLargeError

from crm_shared.bus.broker import TURN_RECORDS, WaitingConsumer
from crm_shared.bus.producers import producing
from crm_shared.kafka_access import to_access
from crm_testing.records import make_topic
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

EACH = 5 * TURN_RECORDS
PARTITIONS = 3
BEGAN_MS = 1_750_000_000_000

Reading = Callable[[dict[int, range]], AbstractAsyncContextManager[WaitingConsumer]]


@pytest.fixture
def reading(kafka_bootstrap: str) -> Reading:
    """Write records at these milliseconds to each partition; yield a consumer that holds some of each."""

    @asynccontextmanager
    async def read(written: dict[int, range]) -> AsyncIterator[WaitingConsumer]:
        topic = await make_topic(kafka_bootstrap, partitions=PARTITIONS)
        async with producing(kafka_bootstrap, client_id="test-writer") as producer:
            for partition, moments in written.items():
                for moment in moments:
                    await producer.send(topic, b"{}", partition=partition, timestamp_ms=BEGAN_MS + moment)
        group_id = f"test.{uuid.uuid4().hex[:12]}"
        arguments: dict[str, Any] = to_access(kafka_bootstrap).to_arguments()
        consumer = WaitingConsumer(**arguments, group_id=group_id, enable_auto_commit=False)
        partitions = [TopicPartition(topic, number) for number in written]
        await consumer.start()
        try:
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            held = consumer._fetcher._records  # noqa: SLF001 - to know that each partition has been fetched

            async def are_all_held() -> bool:
                return all(partition in held for partition in partitions)

            await wait_until(are_all_held)
            yield consumer
        finally:
            await consumer.stop()

    return read


def list_moments(found: dict[TopicPartition, list[ConsumerRecord]]) -> dict[int, list[int]]:
    return {one.partition: [record.timestamp - BEGAN_MS for record in records] for one, records in found.items()}


async def read_all(consumer: WaitingConsumer, count: int, *, most: int) -> list[dict[int, list[int]]]:
    batches: list[dict[int, list[int]]] = []
    while sum(len(moments) for batch in batches for moments in batch.values()) < count:
        batches.append(list_moments(await consumer.getmany(max_records=most)))
        assert sum(len(moments) for moments in batches[-1].values()) <= most
    return batches


def join(batches: Sequence[dict[int, list[int]]], partition: int) -> list[int]:
    return [moment for batch in batches for moment in batch.get(partition, [])]


async def test_partitions_written_at_once_are_read_at_once(reading: Reading) -> None:
    written = {number: range(number, PARTITIONS * EACH, PARTITIONS) for number in range(PARTITIONS)}
    async with reading(written) as consumer:
        batches = await read_all(consumer, PARTITIONS * EACH, most=PARTITIONS * TURN_RECORDS)
    assert min(len(batches[0].get(number, [])) for number in written) > TURN_RECORDS // 2
    for number, moments in written.items():
        assert join(batches, number) == list(moments), "each once, in the partition's order"


async def test_what_was_written_before_is_read_before(reading: Reading) -> None:
    written = {0: range(2 * EACH, 3 * EACH), 1: range(EACH), 2: range(EACH, 2 * EACH)}
    async with reading(written) as consumer:
        batches = await read_all(consumer, 3 * EACH, most=EACH)
    by_then = [sum(len(batch.get(1, [])) for batch in batches[: number + 1]) for number in range(len(batches))]
    assert by_then[1] == EACH
    assert sum(len(batch.get(0, [])) for batch in batches[:2]) < EACH // 2, "a little of each comes anyway"
    for number, moments in written.items():
        assert join(batches, number) == list(moments)


async def test_what_is_quiet_waits_for_no_backlog(reading: Reading) -> None:
    async with reading({0: range(EACH), 1: range(EACH), 2: range(9 * EACH, 9 * EACH + 3)}) as consumer:
        batches = await read_all(consumer, 2 * EACH + 3, most=EACH)
    assert batches[0][2] == [9 * EACH, 9 * EACH + 1, 9 * EACH + 2]


async def test_fewer_than_a_turn_are_taken_as_they_are(reading: Reading) -> None:
    async with reading({0: range(3), 1: range(2)}) as consumer:
        assert await read_all(consumer, 5, most=500) == [{0: [0, 1, 2], 1: [0, 1]}]


async def test_an_error_of_one_partition_waits_for_what_is_taken_of_others(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading({0: range(EACH), 1: range(EACH)}) as consumer:
        getmany = AIOKafkaConsumer.getmany

        async def fail_at_one(self: AIOKafkaConsumer, *partitions: TopicPartition, **asked: Any) -> Any:
            if partitions and partitions[0].partition == 1:
                raise RecordTooLargeError
            return await getmany(
                self, *(partitions or [one for one in self.assignment() if not one.partition]), **asked
            )

        monkeypatch.setattr(AIOKafkaConsumer, "getmany", fail_at_one)
        first = list_moments(await consumer.getmany(max_records=EACH))
        assert list(first) == [0]
        with pytest.raises(KafkaError):
            await consumer.getmany(max_records=EACH)
        monkeypatch.undo()
        rest = await read_all(consumer, 2 * EACH - len(first[0]), most=EACH)
    assert first[0] + join(rest, 0) == list(range(EACH))
    assert join(rest, 1) == list(range(EACH))
