"""Debezium's Outbox Event Router on our outbox: the records are the relay's, and nothing is lost on the way.

The connector runs as deploy/debezium has it for production: the same properties, the same SQL.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from aiokafka import ConsumerRecord
from e2e.publishing_database import PATIENCE_S, SERVICE, Publisher, id_of, publishing_database

from crm_local.engines.connect import KafkaConnect
from crm_shared.contracts import OutboxEvent, decode, new_event
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.telemetry.traces import continue_trace
from crm_testing.published_records import PublishedRecord
from crm_testing.waiting import wait_until

# With the outbox's own tests in one process: both count what comes to `crm.deal` of the shared broker.
pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.xdist_group("outbox")]

TENANT_ID: Final = uuid.uuid4()
OCCURRED_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
NAME: Final = 'Zoë\'s 東京 renewal 🦉 \\ "quoted" ${env:HOME}'


@pytest.fixture
async def publisher(postgres_admin_dsn: str, kafka_bootstrap: str) -> AsyncIterator[Publisher]:
    async with publishing_database(postgres_admin_dsn, kafka_bootstrap) as it:
        yield it


@asynccontextmanager
async def started(engine: KafkaConnect) -> AsyncIterator[None]:
    """Run Connect for the block; at its end it is asked to stop, and commits how far it got."""
    await asyncio.to_thread(lambda: engine.start().wait_ready(timeout_s=PATIENCE_S))
    yield
    await asyncio.to_thread(engine.stop)


def publish(aggregate: str, aggregate_id: uuid.UUID, version: int, **fields: Any) -> OutboxEvent:
    placed = {"pipeline_id": TENANT_ID, "stage_id": TENANT_ID} if aggregate == "deal" else {}
    whole = PublishedRecord.new(aggregate, TENANT_ID, **placed)
    return new_event(
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        verb="created" if version == 1 else "updated",
        version=version,
        tenant_id=TENANT_ID,
        occurred_at=OCCURRED_AT,
        state={**whole.state, "id": aggregate_id, "version": version, "name": NAME, **fields},
        changed=None if version == 1 else {"name": {"from": "Señor Núñez", "to": "Žižkov\n"}},
        actor_id=None if version % 2 else uuid.uuid4(),
    )


def publish_of_several(count: int) -> list[OutboxEvent]:
    """Tell of `count` deals and a pipeline, versions 1 to 3 in turns; one state is long enough to lie out of line."""
    ids = [("deal", uuid.uuid4()) for _ in range(count)] + [("pipeline", uuid.uuid4())]
    events = [publish(aggregate, aggregate_id, version) for version in (1, 2, 3) for aggregate, aggregate_id in ids]
    return [*events, publish("deal", uuid.uuid4(), 1, description="".join(uuid.uuid4().hex for _ in range(30_000)))]


async def in_a_trace(act: Callable[[], Awaitable[None]], *, is_traced: bool) -> None:
    async def run() -> None:
        if is_traced:
            continue_trace(None)
        await act()

    await asyncio.create_task(run(), context=Context())


def describe(record: ConsumerRecord) -> tuple[object, ...]:
    """Return all that the contract says of a record. Headers have no order in it; a null traceparent is none."""
    headers = [(name, value) for name, value in record.headers if (name, value) != ("traceparent", None)]
    return record.topic, record.partition, record.key, record.value, sorted(headers)


def list_histories(records: Sequence[ConsumerRecord]) -> dict[bytes, list[int]]:
    """Return each aggregate's versions as its partition holds them."""
    histories: dict[bytes, list[int]] = {}
    for record in records:
        event = decode(record.key, record.value, record.headers)
        histories.setdefault(record.key, []).append(event.version)
    return histories


async def relay_all(publisher: Publisher) -> None:
    relay = Relay(RelaySettings(publisher.dsn("worker"), publisher.bootstrap, SERVICE))
    task = asyncio.create_task(relay.run())
    await publisher.wait_empty()
    relay.stop()
    await task


async def test_debezium_publishes_what_the_relay_publishes(publisher: Publisher) -> None:
    before, untraced, traced = publish_of_several(4), publish_of_several(8), publish_of_several(8)
    events = [*before, *untraced, *traced]
    begin = await publisher.find_ends()
    await in_a_trace(lambda: publisher.write(*before), is_traced=True)

    with publisher.connect() as connect:
        async with started(connect):
            await publisher.wait_for(begin, before)
            await in_a_trace(lambda: publisher.write(*untraced), is_traced=False)
            await in_a_trace(lambda: publisher.write(*traced), is_traced=True)
            by_debezium = await publisher.wait_for(begin, events)

            middle = await publisher.find_ends()
            await relay_all(publisher)
            by_relay = await publisher.read_since(middle)
            # The relay's deletes went by the connector before this event, and told nobody anything.
            last = publish("deal", uuid.uuid4(), 1)
            await publisher.write(last)
            after = await publisher.wait_for(middle, [last])

    assert sorted(map(describe, by_debezium)) == sorted(map(describe, by_relay))
    assert len(by_debezium) == len(events) == len(after) - 1
    assert len({(record.topic, record.partition) for record in by_debezium}) >= 4
    assert list_histories(by_debezium) == list_histories(by_relay)
    traces = {id_of(record): decode(record.key, record.value, record.headers).traceparent for record in by_debezium}
    assert {traces[str(event.id)] for event in untraced} == {None}
    assert None not in {traces[str(event.id)] for event in traced}


async def test_nothing_is_lost_when_connect_dies_or_its_slot_is_lost(publisher: Publisher) -> None:
    first, second, third = publish_of_several(3), publish_of_several(3), publish_of_several(3)
    begin = await publisher.find_ends()

    with publisher.connect() as connect:
        await asyncio.to_thread(lambda: connect.start().wait_ready(timeout_s=PATIENCE_S))
        await publisher.write(*first)
        await publisher.wait_for(begin, first)
        await asyncio.to_thread(connect.kill)
        await publisher.write(*second)
        await require_uncleaned(publisher)
        async with started(connect):
            await publisher.wait_for(begin, second)
            assert await publisher.count_rows() == len(first) + len(second)
            async with publisher.cleaning() as cleaner:
                await publisher.wait_empty()
                await cleaner.check_ready()

        await publisher.lose_slot()
        await publisher.write(*third)
        await require_uncleaned(publisher)
        async with started(connect):
            found = await publisher.wait_for(begin, third)

    assert {id_of(record) for record in found} == {str(event.id) for event in [*first, *second, *third]}
    for versions in list_histories(found).values():
        assert list(dict.fromkeys(versions)) == sorted(set(versions))


async def require_uncleaned(publisher: Publisher) -> None:
    """With no connector to confirm anything, nothing is deleted, and the process says why it isn't ready."""
    count = await publisher.count_rows()

    async with publisher.cleaning() as cleaner:

        async def says_so() -> bool:
            with pytest.raises(ConnectionError) as raised:
                await cleaner.check_ready()
            return str(raised.value) == "Debezium is away"

        await wait_until(says_so)
    assert await publisher.count_rows() == count
