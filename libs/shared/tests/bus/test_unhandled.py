"""The age of what a group has yet to handle: seen from outside, whatever its handlers do."""

import asyncio
import time
import uuid
from functools import partial

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError
from prometheus_client import REGISTRY

from crm_shared.bus import Subscription, unhandled
from crm_shared.bus.clients import make_consumer
from crm_shared.bus.topics import administering, list_partitions
from crm_shared.bus.unhandled import UnhandledWatch
from crm_shared.clock import time_of_id_s
from crm_shared.contracts import Event
from crm_testing.outboxes import make_deal_event
from crm_testing.records import RawRecord, write_records
from crm_testing.waiting import wait_until

NOWHERE = "127.0.0.1:9"


async def has_looked(watch: UnhandledWatch) -> bool:
    """Return whether it could: a broker that has just started keeps no groups for a moment."""
    try:
        await watch.look()
    except (KafkaError, TimeoutError):
        return False
    return True


async def ignore(_batch: list[Event]) -> None:
    pass


def read(name: str, group_id: str, topic: str) -> float:
    value = REGISTRY.get_sample_value(name, {"group": group_id, "topic": topic})
    assert value is not None
    return value


def read_looked_at_s() -> float:
    value = REGISTRY.get_sample_value("crm_bus_looked_timestamp_seconds")
    assert value is not None
    return value


@pytest.mark.engines
async def test_the_oldest_record_ages_until_the_group_has_passed_it(
    kafka_bootstrap: str, topic: str, group_id: str
) -> None:
    watch = UnhandledWatch(kafka_bootstrap, [Subscription((topic,), group_id, ignore)])

    def count() -> float:
        return read("crm_bus_unhandled_records", group_id, topic)

    def age_s() -> float:
        return read("crm_bus_oldest_unhandled_seconds", group_id, topic)

    try:
        await wait_until(partial(has_looked, watch))
        assert (count(), age_s()) == (0, 0)

        event = make_deal_event()
        written_at_s = time_of_id_s(event.id)
        assert written_at_s is not None
        await write_records(kafka_bootstrap, topic, [RawRecord.of(event)])
        await watch.look()
        assert count() == 1
        before_s = time.time()
        assert written_at_s < read_looked_at_s() <= before_s
        age_then_s = age_s()
        assert before_s - written_at_s <= age_then_s <= time.time() - written_at_s
        await asyncio.sleep(0.02)
        assert age_s() > age_then_s  # goes on without another look

        # Any bytes may stand in a topic: then the time is Kafka's.
        await write_records(kafka_bootstrap, topic, [RawRecord(b"k", b"v", [("ce_id", b"\xff")])] * 5)
        await watch.look()
        assert count() == 6

        consumer = make_consumer(kafka_bootstrap, group_id=group_id, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = await list_partitions(kafka_bootstrap, [topic])
            consumer.assign(partitions)
            await consumer.commit(await consumer.end_offsets(partitions))
        finally:
            await consumer.stop()
        await watch.look()
        assert (count(), age_s()) == (0, 0)
    finally:
        await watch.close()


@pytest.mark.engines
async def test_a_topic_that_its_service_makes_later_is_watched_from_then_on(
    kafka_bootstrap: str, topic: str, group_id: str
) -> None:
    later = f"test.{uuid.uuid4().hex[:12]}"
    watch = UnhandledWatch(kafka_bootstrap, [Subscription((topic, later), group_id, ignore)])
    try:
        await wait_until(partial(has_looked, watch))
        async with administering(kafka_bootstrap) as admin:
            await admin.create_topics([NewTopic(name=later, num_partitions=1, replication_factor=1)])
        await write_records(kafka_bootstrap, later, [RawRecord.of(make_deal_event())])

        async def is_seen() -> bool:
            return await has_looked(watch) and read("crm_bus_unhandled_records", group_id, later) == 1

        await wait_until(is_seen, timeout_s=20)
    finally:
        await watch.close()


@pytest.mark.engines
async def test_a_record_that_did_not_come_in_time_is_asked_for_again(
    kafka_bootstrap: str, topic: str, group_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts beside a record of long ago and a slow broker says its age all the same, a look later."""
    written_at_s = time.time() - 3600
    monkeypatch.setattr(unhandled, "written_at_s", lambda _record: written_at_s)
    await write_records(kafka_bootstrap, topic, [RawRecord.of(make_deal_event())])
    watch = UnhandledWatch(kafka_bootstrap, [Subscription((topic,), group_id, ignore)])
    try:
        monkeypatch.setattr(unhandled, "FETCH_WITHIN_S", 0.0)
        await wait_until(partial(has_looked, watch))
        assert read("crm_bus_oldest_unhandled_seconds", group_id, topic) < 600
        monkeypatch.setattr(unhandled, "FETCH_WITHIN_S", 20.0)
        await wait_until(partial(has_looked, watch))
        assert read("crm_bus_oldest_unhandled_seconds", group_id, topic) >= 3600
    finally:
        await watch.close()


async def test_with_kafka_away_a_look_fails_and_the_next_one_begins_anew() -> None:
    watch = UnhandledWatch(NOWHERE, [Subscription(("crm.deal",), "test.nowhere", ignore)])
    looked_at_s = read_looked_at_s()
    for _ in range(2):
        with pytest.raises(KafkaConnectionError):
            await watch.look()
    assert read_looked_at_s() == looked_at_s  # by which an alert tells that Kafka is away
