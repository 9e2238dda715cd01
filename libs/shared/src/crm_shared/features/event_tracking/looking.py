"""Asks a service's outbox, the bus and its stores for one event. What can't be asked is said, and the rest goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from crm_shared.bus.clients import make_consumer
from crm_shared.bus.topics import administering, describe_partitions
from crm_shared.contracts import EVENT_TYPES, BadRecord, Event, decode
from crm_shared.contracts.topics import TOPICS, topic_of
from crm_shared.database import Database
from crm_shared.features.event_tracking.groups import find_letter, read_progress
from crm_shared.features.event_tracking.outbox import find_row
from crm_shared.features.event_tracking.parts import (
    OUTBOX,
    Effect,
    Place,
    ServicePart,
    TrackedEvent,
    Unanswered,
    written_at,
)
from crm_shared.features.event_tracking.stores import STATEMENT_TIMEOUT_S
from crm_shared.features.event_tracking.topic_search import Bounds, Show, read_at, search
from crm_shared.kafka_access import Kafka
from crm_shared.outbox.partitioning import hash_key
from crm_shared.transient import is_transient

MAX_VERSION_DIGITS: Final = 18

FindEffects = Callable[[Event], Awaitable[Sequence[Effect]]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The event, and what helps to find it: its record's id, or where somebody has found it.

    `is_own_alone`: no other service's topic is searched, since that service is asked too.
    """

    event_id: UUID
    record_id: UUID | None
    at: TopicPartition | None
    at_offset: int
    most_records: int
    is_own_alone: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """Whom is asked: its groups with the topics that they read, and what finds what it made of an event."""

    name: str
    kafka: Kafka
    worker_dsn: str
    publishes: bool
    groups: Mapping[str, Sequence[str]]
    find_effects: FindEffects | None

    def list_topics(self, *, is_own_alone: bool) -> list[str]:
        own = {spec.name for spec in TOPICS.values() if spec.service == self.name}
        read = {topic for topics in self.groups.values() for topic in topics}
        return sorted(own if is_own_alone else own | read)


@dataclass(frozen=True, slots=True)
class _Bus:
    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer
    bounds: Bounds
    show: Show


async def look(service: Service, wanted: Wanted, show: Show) -> ServicePart:
    """Return what the service knows of the event; `show` is told how far a long search is."""
    part = ServicePart(service.name, wanted.event_id, has_outbox=service.publishes)
    await _look_in_outbox(service, part)
    record = None
    with _answering(part, "Kafka"):
        async with _open_bus(service.kafka, wanted, show) as bus:
            record = await _look_on_topics(service, wanted, part, bus)
            if record is not None:
                await _look_at_groups(service, record, part, bus)
    if record is not None and service.find_effects is not None:
        await _look_for_effects(service.find_effects, record, part)
    return part


async def _look_in_outbox(service: Service, part: ServicePart) -> None:
    if not service.publishes:
        return
    with _answering(part, f"{OUTBOX} of {service.name}"):
        async with Database.opened(service.worker_dsn, max_size=1, statement_timeout_s=STATEMENT_TIMEOUT_S) as database:
            row = await find_row(database, part.event_id)
        if row is not None:
            part.outbox_position, part.outbox_before, part.event = row.position, row.before, row.event


@asynccontextmanager
async def _open_bus(kafka: Kafka, wanted: Wanted, show: Show) -> AsyncIterator[_Bus]:
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(administering(kafka))
        consumer = make_consumer(kafka, enable_auto_commit=False, auto_offset_reset="earliest")
        stack.push_async_callback(consumer.stop)
        await consumer.start()
        yield _Bus(admin, consumer, Bounds(written_at(wanted.event_id), wanted.most_records), show)


async def _look_on_topics(service: Service, wanted: Wanted, part: ServicePart, bus: _Bus) -> ConsumerRecord | None:
    if wanted.at is not None:
        record = await read_at(bus.consumer, wanted.at, wanted.at_offset, part.event_id)
    else:
        partitions = await describe_partitions(bus.admin, service.list_topics(is_own_alone=wanted.is_own_alone))
        record, part.looked = await search(
            bus.consumer, list(_narrow(partitions, wanted, part.event)), part.event_id, bus.bounds, bus.show
        )
    if record is not None:
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        part.place = Place(record.topic, record.partition, record.offset, at)
        part.event = to_tracked(record)
    return record


def _narrow(
    partitions: Sequence[TopicPartition], wanted: Wanted, event: TrackedEvent | None
) -> Iterator[TopicPartition]:
    """Leave the partitions in which the event can be: of its topic and its record's key, as far as these are known."""
    key = event.aggregate_id if event is not None else str(wanted.record_id) if wanted.record_id is not None else None
    for one in partitions:
        count = sum(other.topic == one.topic for other in partitions)
        is_of_topic = event is None or topic_of(event.aggregate) == one.topic
        if is_of_topic and (key is None or hash_key(key) % count == one.partition):
            yield one


async def _look_at_groups(service: Service, record: ConsumerRecord, part: ServicePart, bus: _Bus) -> None:
    for group_id in sorted(one for one, topics in service.groups.items() if record.topic in topics):
        with _answering(part, f"the group {group_id}"):
            part.groups.append(await read_progress(bus.admin, bus.consumer, group_id, record, part.event_id))
        with _answering(part, f"the dead letters of {group_id}"):
            letter, looked = await find_letter(
                bus.admin, bus.consumer, group_id, record, part.event_id, bus.bounds, bus.show
            )
            part.letters += [letter] if letter is not None else []
            part.looked += [one for one in looked if not one.is_whole and letter is None]


async def _look_for_effects(find_effects: FindEffects, record: ConsumerRecord, part: ServicePart) -> None:
    try:
        event = decode(record.key, record.value, record.headers, topic=record.topic)
        with _answering(part, f"the stores of {part.service}"):
            part.effects += await find_effects(event)
    except BadRecord as error:
        part.is_record_broken = str(error)


@contextmanager
def _answering(part: ServicePart, what: str) -> Iterator[None]:
    """Note what does not answer, or does not let us ask. Raises what is a mistake of ours."""
    try:
        yield
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        why = f"not allowed as this principal: run it as crm-{part.service}-redrive (crm-{part.service} acls)"
        part.unanswered.append(Unanswered(what, why))
    except Exception as error:
        if not (is_transient(error) or isinstance(error, KafkaError)):
            raise
        message, name = str(error), type(error).__name__
        part.unanswered.append(
            Unanswered(what, message if message.startswith(name) else f"{name}: {message}".removesuffix(": "))
        )


def to_tracked(record: ConsumerRecord) -> TrackedEvent:
    """Read what the headers say, which may be any bytes."""
    headers = {name: value.decode("latin-1") for name, value in record.headers}
    event_type, sequence = headers.get("ce_type", "unknown"), headers.get("ce_sequence", "")
    return TrackedEvent(
        type=event_type,
        aggregate=event_type.split(".")[1] if event_type in EVENT_TYPES else "unknown",
        aggregate_id=headers.get("ce_subject", "unknown"),
        version=int(sequence)
        if sequence.isascii() and sequence.isdigit() and len(sequence) <= MAX_VERSION_DIGITS
        else None,
        tenant_id=headers.get("ce_tenantid"),
        occurred_at=headers.get("ce_time"),
    )
