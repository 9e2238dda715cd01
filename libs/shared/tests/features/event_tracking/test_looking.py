"""One event is found on real topics: its place, how far groups are, its dead letter, within bounds."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.dead_letters import DeadLetters
from crm_shared.bus.redrive import redrive
from crm_shared.clock import new_id
from crm_shared.contracts import BadRecord, Event
from crm_shared.features.event_tracking.looking import Service, Wanted, look
from crm_shared.features.event_tracking.parts import PARTS, Effect, ServicePart
from crm_shared.outbox.partitioning import hash_key
from crm_testing.outboxes import make_deal_event
from crm_testing.records import RawRecord, make_topic, read_topic, write_records

pytestmark = pytest.mark.engines

PARTITIONS = 2
NOWHERE = "127.0.0.1:9"


@pytest.fixture
def group_id() -> str:
    return f"test.{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def topic(kafka_bootstrap: str, group_id: str) -> str:
    return await make_topic(kafka_bootstrap, partitions=PARTITIONS, group_id=group_id)


async def find_nothing(_event: Event) -> Sequence[Effect]:
    return []


def make_service(kafka: str, topic: str, group_id: str) -> Service:
    return Service("test", kafka, "", publishes=False, groups={group_id: (topic,)}, find_effects=find_nothing)


async def ask(service: Service, event_id: uuid.UUID, **more: object) -> ServicePart:
    wanted = {"record_id": None, "at": None, "at_offset": 0, "most_records": 0} | more
    return await look(service, Wanted(event_id, **wanted), lambda _line: None)  # type: ignore[arg-type]


async def commit(kafka: str, group_id: str, record: ConsumerRecord, offset: int) -> None:
    partition = TopicPartition(record.topic, record.partition)
    consumer = make_consumer(kafka, group_id=group_id, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.commit({partition: OffsetAndMetadata(offset, "")})
    finally:
        await consumer.stop()


async def find_record(kafka: str, topic: str, event_id: uuid.UUID) -> ConsumerRecord:
    (record,) = [one for one in await read_topic(kafka, topic) if dict(one.headers)["ce_id"] == str(event_id).encode()]
    return record


async def test_an_events_way_is_told_step_by_step(kafka_bootstrap: str, topic: str, group_id: str) -> None:
    deal_id = uuid.uuid4()
    events = [make_deal_event(deal_id, version=version) for version in range(1, 5)]
    await write_records(kafka_bootstrap, topic, [RawRecord.of(event) for event in events])
    service, event = make_service(kafka_bootstrap, topic, group_id), events[1]
    record = await find_record(kafka_bootstrap, topic, event.id)

    part = await ask(service, event.id)
    assert part.place is not None
    assert part.event is not None
    assert (part.place.topic, part.place.partition, part.place.offset) == (topic, record.partition, record.offset)
    assert (part.event.type, part.event.aggregate_id, part.event.version) == ("crm.deal.updated", str(deal_id), 2)
    (group,) = part.groups
    assert (group.reading, group.committed, group.before_event, group.lag) == ("never", None, 2, 4)
    assert group.waits_s is not None
    assert group.waits_s > 0

    await commit(kafka_bootstrap, group_id, record, record.offset)
    (group,) = (await ask(service, event.id)).groups
    assert (group.reading, group.before_event, group.lag) == ("waits", 1, 3)

    await commit(kafka_bootstrap, group_id, record, record.offset + 1)
    at = TopicPartition(topic, record.partition)
    part = await ask(service, event.id, at=at, at_offset=record.offset)
    assert part.place is not None
    (group,) = part.groups
    assert (group.reading, group.before_event, group.lag, group.waits_s) == ("past", 0, 2, None)
    assert part.letters == []
    assert not (await ask(service, events[0].id, at=at, at_offset=record.offset)).is_found, "another event is there"
    assert PARTS.validate_json(PARTS.dump_json([part])) == [part]


async def test_a_dead_letter_is_told_of_with_its_reason_until_it_is_put_back(
    kafka_bootstrap: str, topic: str, group_id: str
) -> None:
    event = make_deal_event()
    await write_records(kafka_bootstrap, topic, [RawRecord.of(event)])
    record = await find_record(kafka_bootstrap, topic, event.id)
    letters = DeadLetters(kafka_bootstrap, client_id="test", stopping=asyncio.Event())
    await letters.put(record, group_id, BadRecord("field deal.amount is not a number"))
    await letters.close()
    service = make_service(kafka_bootstrap, topic, group_id)

    (letter,) = (await ask(service, event.id)).letters
    assert (letter.group_id, letter.error, letter.reason) == (
        group_id,
        "BadRecord",
        "field deal.amount is not a number",
    )
    assert not letter.is_put_back
    assert await redrive(kafka_bootstrap, group_id, [topic]) == 1
    (letter,) = (await ask(service, event.id)).letters
    assert letter.is_put_back

    letters = DeadLetters(kafka_bootstrap, client_id="test", stopping=asyncio.Event())
    await letters.put(record, group_id, BadRecord("again"))
    await letters.close()
    (letter,) = (await ask(service, event.id)).letters
    assert (letter.reason, letter.is_put_back) == ("again", False)


async def test_reading_is_bounded_and_begins_when_the_event_was_written(
    kafka_bootstrap: str, topic: str, group_id: str
) -> None:
    await write_records(kafka_bootstrap, topic, [RawRecord.of(make_deal_event()) for _ in range(12)])
    service, absent = make_service(kafka_bootstrap, topic, group_id), new_id()

    part = await ask(service, absent)
    assert (part.is_found, [(one.record_count, one.is_whole) for one in part.looked]) == (False, [(12, True)])
    part = await ask(service, absent, most_records=1)
    assert not any(one.is_whole for one in part.looked)
    # A key goes to one partition: of the other nothing is read.
    key = next(one for one in map(str, iter(uuid.uuid4, None)) if hash_key(one) % PARTITIONS == 0)
    own = [one for one in await read_topic(kafka_bootstrap, topic) if one.partition == 0]
    part = await ask(service, absent, record_id=uuid.UUID(key))
    assert sum(one.record_count for one in part.looked) == len(own)
    # An id of a time to come: all that is there was written before.
    in_an_hour = uuid.UUID(int=absent.int + (3_600_000 << 80))
    assert [one.record_count for one in (await ask(service, in_an_hour)).looked] == [0]


async def test_what_cant_be_read_or_asked_is_said(kafka_bootstrap: str, topic: str, group_id: str) -> None:
    event_id = new_id()
    await write_records(kafka_bootstrap, topic, [RawRecord(b"k", b"v", [("ce_id", str(event_id).encode())])])
    part = await ask(make_service(kafka_bootstrap, topic, group_id), event_id)
    assert part.is_found
    assert part.is_record_broken == "header ce_specversion is missing"

    part = await ask(make_service(NOWHERE, topic, group_id), event_id)
    assert not part.is_found
    assert [one.what for one in part.unanswered] == ["Kafka"]
