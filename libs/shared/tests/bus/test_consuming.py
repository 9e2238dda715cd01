"""What consumers promise on the real broker: nothing lost, bad records set aside alone, the world waited for."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from crm_shared.bus import DependencyUnavailable, Subscription, broker, subscribe
from crm_shared.bus.redrive import redrive
from crm_shared.bus.worker import Worker
from crm_shared.contracts import BadRecord, Event, OutboxEvent
from crm_testing.drain import Bus, DeadLettered, NoRest, drain, redeliver
from crm_testing.outboxes import make_deal_event
from crm_testing.records import RawRecord, read_topic, write_records
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Working = Callable[[Sequence[Subscription]], AbstractAsyncContextManager[Worker]]


def make_deal_events(count: int) -> list[OutboxEvent]:
    deal_id = uuid.uuid4()  # one aggregate, so one partition, so one order
    return [make_deal_event(deal_id, version=version) for version in range(1, count + 1)]


def raw(events: Sequence[OutboxEvent]) -> list[RawRecord]:
    return [RawRecord.of(event) for event in events]


class Collected:
    """Keeps the versions that a handler saw, in order, and how often it was called."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.calls = 0

    async def handle(self, batch: list[Event]) -> None:
        self.calls += 1
        self.versions += [event.version for event in batch]


async def test_a_group_begins_at_the_topics_beginning_and_goes_on_where_it_was(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    events, seen = make_deal_events(30), Collected()
    subscription = Subscription((topic,), group_id, seen.handle)
    bus = Bus(kafka_bootstrap, groups={group_id: [topic]})
    await write_records(kafka_bootstrap, topic, raw(events[:20]))
    async with working([subscription]):
        await drain(bus)
    await write_records(kafka_bootstrap, topic, raw(events[20:]))
    async with working([subscription]):
        await drain(bus)
    assert seen.versions == list(range(1, 31))


async def test_consumers_wait_for_records_and_do_not_ask_over_and_over(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    await write_records(kafka_bootstrap, topic, raw(make_deal_events(1)))
    async with working([Subscription((topic,), group_id, Collected().handle)]) as worker:
        await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))
        (subscriber,) = worker.app.brokers[0].subscribers
        assert isinstance(getattr(subscriber, "consumer", None), broker.WaitingConsumer)


async def test_an_idle_consumer_lets_kafka_wait_longer_and_takes_what_comes(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "WAIT_MS", 50)
    first, second = make_deal_events(2)
    seen = Collected()
    async with working([Subscription((topic,), group_id, seen.handle)]) as worker:
        (subscriber,) = worker.app.brokers[0].subscribers

        async def is_idle() -> bool:
            consumer: Any = getattr(subscriber, "consumer", None)
            waits_ms: int = consumer._fetcher._fetch_max_wait_ms  # noqa: SLF001 - aiokafka has no other place for it
            return waits_ms == broker.IDLE_FETCH_MS

        for event in (first, second):
            await write_records(kafka_bootstrap, topic, raw([event]))
            await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))
            await wait_until(is_idle)
    assert seen.versions == [first.version, second.version]


async def test_dependencies_are_bound_to_the_handler(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    found: list[tuple[str, UUIDs]] = []

    @subscribe(topic, group_id=group_id)
    async def keep(batch: list[Event], label: str, *, kept: list[tuple[str, UUIDs]]) -> None:
        kept.append((label, [event.aggregate_id for event in batch]))

    events = make_deal_events(1)
    await write_records(kafka_bootstrap, topic, raw(events))
    async with working([keep.bind("deals", kept=found)]):
        await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))
    assert found == [("deals", [events[0].aggregate_id])]


UUIDs = list[uuid.UUID]


async def test_a_poison_record_is_set_aside_whole_and_the_rest_go_on_in_order(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    events, seen = make_deal_events(6), Collected()
    key = str(events[0].aggregate_id).encode()
    poison = [
        RawRecord(key, b"{not json", events[0].headers()),
        RawRecord(key, b"\xff\xfe", [("ce_type", b"\xff\xfe\x00"), ("x", b"\x80")]),
        RawRecord(None, b"{}", []),
    ]
    records = raw(events)
    await write_records(
        kafka_bootstrap, topic, [records[0], poison[0], records[1], poison[1], *records[2:4], poison[2], *records[4:]]
    )
    async with working([Subscription((topic,), group_id, seen.handle)]):
        await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}), expected_dead_letters=3)

    assert seen.versions == [1, 2, 3, 4, 5, 6]
    dead = await read_topic(kafka_bootstrap, f"{topic}.{group_id}.dlq")
    assert {record.value for record in dead} == {record.value for record in poison}
    (first,) = (record for record in dead if record.value == b"{not json")
    headers = dict(first.headers)
    assert first.key == key
    assert list(first.headers)[: len(events[0].headers())] == events[0].headers()
    assert headers["crm_error_type"] == b"BadRecord"
    assert headers["crm_error_reason"] == b"value is not JSON"
    assert headers["crm_error_topic"] == topic.encode()
    assert headers["crm_error_offset"] == b"1"
    assert headers["crm_error_partition"].isdigit()
    assert b"T" in headers["crm_error_at"]


async def test_a_tombstone_is_passed_over(kafka_bootstrap: str, topic: str, group_id: str, working: Working) -> None:
    (event,), seen = make_deal_events(1), Collected()
    key = str(event.aggregate_id).encode()
    await write_records(kafka_bootstrap, topic, [RawRecord(key, None), RawRecord.of(event), RawRecord(key, None)])
    async with working([Subscription((topic,), group_id, seen.handle)]):
        await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))
    assert seen.versions == [1]


@pytest.mark.parametrize("error", [BadRecord("no such stage"), KeyError("stage_id")])
async def test_the_record_that_a_handler_fails_on_is_found_by_halving_and_set_aside_alone(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working, error: Exception
) -> None:
    events, seen, bad = make_deal_events(100), Collected(), {17, 18, 64}

    async def handle(batch: list[Event]) -> None:
        if any(event.version in bad for event in batch):
            raise error
        await seen.handle(batch)

    await write_records(kafka_bootstrap, topic, raw(events))
    async with working([Subscription((topic,), group_id, handle)]):
        await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}), expected_dead_letters=3)

    assert seen.versions == [version for version in range(1, 101) if version not in bad]
    dead = await read_topic(kafka_bootstrap, f"{topic}.{group_id}.dlq")
    assert [int(dict(record.headers)["ce_sequence"]) for record in dead] == sorted(bad)
    assert dict(dead[0].headers)["crm_error_type"] == type(error).__name__.encode()


@pytest.mark.parametrize("error", [DependencyUnavailable("search"), ConnectionRefusedError(), TimeoutError()])
async def test_while_the_world_is_away_the_same_batch_is_tried_again_and_nothing_is_set_aside(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working, error: Exception
) -> None:
    events, seen, away = make_deal_events(10), Collected(), 4

    async def handle(batch: list[Event]) -> None:
        await seen.handle(batch)
        if seen.calls <= away:
            seen.versions.clear()
            raise error

    async def has_been_tried_twice() -> bool:
        return seen.calls >= 2

    await write_records(kafka_bootstrap, topic, raw(events))
    async with working([Subscription((topic,), group_id, handle)]) as worker:
        await wait_until(has_been_tried_twice)
        with pytest.raises(ConnectionError, match=type(error).__name__):
            await worker.check_ready()
        await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))
        await worker.check_ready()
    assert seen.calls >= away + 1
    assert seen.versions == list(range(1, 11))


async def test_a_worker_stopped_while_it_waits_commits_nothing_and_the_next_one_takes_over(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    events, seen = make_deal_events(5), Collected()
    waiting = asyncio.Event()

    async def wait_for_store(_batch: list[Event]) -> None:
        waiting.set()
        raise DependencyUnavailable("store")

    bus = Bus(kafka_bootstrap, groups={group_id: [topic]})
    await write_records(kafka_bootstrap, topic, raw(events))
    async with working([Subscription((topic,), group_id, wait_for_store)]):
        await waiting.wait()
    with pytest.raises(NoRest, match="5 behind"):
        await drain(bus, timeout_s=0.5)
    async with working([Subscription((topic,), group_id, seen.handle)]):
        await drain(bus)
    assert seen.versions == [1, 2, 3, 4, 5]


async def test_redrive_puts_the_original_records_back(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    events, seen, mended = make_deal_events(20), Collected(), False

    async def handle(batch: list[Event]) -> None:
        if not mended and any(event.version % 2 == 0 for event in batch):
            raise ValueError("a mistake in the handler")
        await seen.handle(batch)

    bus = Bus(kafka_bootstrap, groups={group_id: [topic]})
    progress: list[tuple[int, int]] = []
    await write_records(kafka_bootstrap, topic, raw(events))
    async with working([Subscription((topic,), group_id, handle)]):
        await drain(bus, expected_dead_letters=10)
        mended = True
        assert await redrive(kafka_bootstrap, group_id, [topic], progress=lambda *done: progress.append(done)) == 10
        await drain(bus, expected_dead_letters=10)
        assert await redrive(kafka_bootstrap, group_id, [topic]) == 0

    assert sorted(seen.versions) == list(range(1, 21))
    assert progress[-1] == (10, 10)
    put_back = (await read_topic(kafka_bootstrap, topic))[20:]
    originals = [RawRecord.of(event) for event in events if event.version % 2 == 0]
    assert [(one.key, one.value, list(one.headers)) for one in put_back] == [
        (one.key, one.value, list(one.headers)) for one in originals
    ]


async def test_redeliver_brings_every_record_again(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    seen = Collected()
    subscription = Subscription((topic,), group_id, seen.handle)
    bus = Bus(kafka_bootstrap, groups={group_id: [topic]})
    await write_records(kafka_bootstrap, topic, raw(make_deal_events(10)))
    async with working([subscription]):
        await drain(bus)
        with pytest.raises(NoRest, match="stop the workers"):
            await redeliver(bus, timeout_s=0.5)
    await redeliver(bus)
    async with working([subscription]):
        await drain(bus)
    assert seen.versions == list(range(1, 11)) * 2


async def test_drain_fails_loudly_on_a_dead_letter(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    await write_records(kafka_bootstrap, topic, [RawRecord(b"k", b"nonsense", [])])
    async with working([Subscription((topic,), group_id, Collected().handle)]):
        with pytest.raises(DeadLettered, match="BadRecord: header ce_specversion is missing"):
            await drain(Bus(kafka_bootstrap, groups={group_id: [topic]}))


async def test_two_workers_of_a_group_share_the_partitions(
    kafka_bootstrap: str, topic: str, group_id: str, working: Working
) -> None:
    one, two = Collected(), Collected()
    bus = Bus(kafka_bootstrap, groups={group_id: [topic]})
    async with (
        working([Subscription((topic,), group_id, one.handle)]),
        working([Subscription((topic,), group_id, two.handle)]),
    ):
        async with asyncio.timeout(30):
            while not (one.calls and two.calls):
                await write_records(kafka_bootstrap, topic, [RawRecord.of(make_deal_event()) for _ in range(6)])
                await drain(bus)
    written = await read_topic(kafka_bootstrap, topic)
    assert len(one.versions) + len(two.versions) >= len(written)
