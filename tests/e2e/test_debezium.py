"""Debezium's Outbox Event Router on our outbox: the records are the relay's, and nothing is lost on the way.

The connector runs as deploy/debezium has it for production: the same properties, the same SQL.
"""

import asyncio
import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import NewTopic

from crm_local.engines.connect import KafkaConnect
from crm_local.engines.ports import free_ports
from crm_shared.bus.topics import administering, create_topics
from crm_shared.contracts import OutboxEvent, decode, new_event
from crm_shared.database.migrations import migrate
from crm_shared.database.provision import provision
from crm_shared.outbox import append
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.telemetry.traces import continue_trace
from crm_shared.testing.records import read_ends, read_topic
from crm_shared.testing.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

ROOT: Final = Path(__file__).parents[2]
DEPLOYED: Final = ROOT / "deploy" / "debezium"
MIGRATIONS: Final = ROOT / "services" / "deals" / "migrations" / "versions"
TOPICS: Final = ("crm.deal", "crm.pipeline")
SERVICE: Final = "deals"
HEARTBEATS: Final = "__debezium-heartbeat.crm-deals"
PASSWORD: Final = "secret"
TENANT_ID: Final = uuid.uuid4()
OCCURRED_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
PATIENCE_S: Final = 90.0  # two cores, and a Java process that starts

Ends: TypeAlias = Mapping[str, dict[int, int]]


@dataclass(frozen=True)
class Publisher:
    """A migrated database of the deals service, on which Debezium may run, and the topics that it writes."""

    admin_dsn: str
    bootstrap: str
    database: str

    def dsn(self, kind: str) -> str:
        address = urlsplit(self.admin_dsn)
        return f"postgresql://{SERVICE}_{kind}:{PASSWORD}@{address.hostname}:{address.port}/{self.database}"

    def fill(self, name: str, *, retention: str = "0 s") -> str:
        """Give a deployed file with its variables replaced, as envsubst does."""
        address = urlsplit(self.admin_dsn)
        text = (DEPLOYED / name).read_text("utf-8")
        for variable, value in {
            "CRM_SERVICE": SERVICE,
            "CRM_DATABASE_HOST": str(address.hostname),
            "CRM_DATABASE_PORT": str(address.port),
            "CRM_DATABASE_NAME": self.database,
            "CRM_OUTBOX_RETENTION": retention,
        }.items():
            text = text.replace(f"${{{variable}}}", value)
        return text

    async def run_as_admin(self, *statements: str) -> None:
        admin = await asyncpg.connect(self.admin_dsn, database=self.database)
        try:
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()

    async def write(self, *events: OutboxEvent) -> None:
        """Append, as a command does, in one transaction and under the trace that runs."""
        worker = await asyncpg.connect(self.dsn("worker"))
        try:
            async with worker.transaction():
                await append(worker, events)
        finally:
            await worker.close()

    async def count_rows(self) -> int:
        worker = await asyncpg.connect(self.dsn("worker"))
        try:
            return int(await worker.fetchval("SELECT count(*) FROM outbox"))
        finally:
            await worker.close()

    async def clean(self, *, retention: str = "0 s") -> None:
        """Delete what the connector has confirmed. Raises asyncpg.RaiseError when it is away."""
        worker = await asyncpg.connect(self.dsn("worker"))
        try:
            await worker.execute(self.fill("clean.sql", retention=retention))
        finally:
            await worker.close()

    async def find_ends(self) -> Ends:
        return {topic: await read_ends(self.bootstrap, topic) for topic in TOPICS}

    async def read_since(self, begin: Ends) -> list[ConsumerRecord]:
        return [record for topic in TOPICS for record in await read_topic(self.bootstrap, topic, begin=begin[topic])]

    async def wait_for(self, begin: Ends, events: Sequence[OutboxEvent]) -> list[ConsumerRecord]:
        """Read on from `begin` until every one of `events` is there."""

        async def has_all() -> bool:
            found = {id_of(record) for record in await self.read_since(begin)}
            return found >= {str(event.id) for event in events}

        await wait_until(has_all, timeout_s=PATIENCE_S, poll_s=0.2)
        return await self.read_since(begin)

    @contextmanager
    def connect(self) -> Iterator[KafkaConnect]:
        """Lend a Kafka Connect with the deployed connector, not started yet."""
        # pytest's own folders are closed to the account that engines run as.
        home = Path(tempfile.mkdtemp(prefix="crm-connect-"))
        home.chmod(0o755)
        connector = json.loads(self.fill("outbox-connector.json"))
        environment = {"CRM_CDC_PASSWORD": PASSWORD}
        engine = KafkaConnect(home / "connect", free_ports(1)[0], self.bootstrap, connector, environment=environment)
        try:
            yield engine
        finally:
            engine.kill()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
async def publisher(postgres_admin_dsn: str, kafka_bootstrap: str) -> AsyncIterator[Publisher]:
    it = Publisher(postgres_admin_dsn, kafka_bootstrap, f"test_debezium_{uuid.uuid4().hex[:12]}")
    await provision(it.admin_dsn, SERVICE, password_of=lambda _role: PASSWORD, database=it.database)
    try:
        await asyncio.to_thread(migrate, it.dsn("owner"), MIGRATIONS)
        await create_topics(it.bootstrap, SERVICE, groups={}, partitions=3, replication=1)
        await create_heartbeat_topic(it.bootstrap)
        await it.run_as_admin(it.fill("grant.sql"), f"ALTER ROLE {SERVICE}_cdc PASSWORD '{PASSWORD}'")
        yield it
    finally:
        await drop(it)


async def create_heartbeat_topic(bootstrap: str) -> None:
    async with administering(bootstrap) as admin:
        if HEARTBEATS not in await admin.list_topics():
            await admin.create_topics([NewTopic(HEARTBEATS, num_partitions=1, replication_factor=1)])


async def drop(publisher: Publisher) -> None:
    admin = await asyncpg.connect(publisher.admin_dsn)
    try:
        await drop_slot(admin, publisher)
        await admin.execute(f'DROP DATABASE "{publisher.database}" WITH (FORCE)')
    finally:
        await admin.close()


async def drop_slot(admin: asyncpg.Connection, publisher: Publisher) -> None:
    """Lose the slot, as a failover to a server without it does. The connector must be stopped."""

    async def is_idle() -> bool:
        active = "SELECT count(*) FROM pg_replication_slots WHERE database = $1 AND active"
        return not await admin.fetchval(active, publisher.database)

    await wait_until(is_idle)
    slots = "SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE database = $1"
    await admin.execute(slots.replace("$1", f"'{publisher.database}'"))


@asynccontextmanager
async def started(engine: KafkaConnect) -> AsyncIterator[None]:
    """Run Connect for the block; at its end it is asked to stop, and commits how far it got."""
    await asyncio.to_thread(lambda: engine.start().wait_ready(timeout_s=PATIENCE_S))
    yield
    await asyncio.to_thread(engine.stop)


def tell(aggregate: str, aggregate_id: uuid.UUID, version: int, **fields: Any) -> OutboxEvent:
    return new_event(
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        verb="created" if version == 1 else "updated",
        version=version,
        tenant_id=TENANT_ID,
        occurred_at=OCCURRED_AT,
        state={"id": aggregate_id, "version": version, "name": "Zoë's 東京 renewal 🦉 \\ \"quoted\" ${env:HOME}", **fields},
        changed=None if version == 1 else {"name": {"from": "Señor Núñez", "to": "Žižkov\n"}},
        actor_id=None if version % 2 else uuid.uuid4(),
    )


def tell_of_several(count: int) -> list[OutboxEvent]:
    """Tell of `count` deals and a pipeline, versions 1 to 3 in turns; one state is long enough to lie out of line."""
    ids = [("deal", uuid.uuid4()) for _ in range(count)] + [("pipeline", uuid.uuid4())]
    events = [tell(aggregate, aggregate_id, version) for version in (1, 2, 3) for aggregate, aggregate_id in ids]
    return [*events, tell("deal", uuid.uuid4(), 1, description="".join(uuid.uuid4().hex for _ in range(30_000)))]


async def in_a_trace(act: Callable[[], Awaitable[None]], *, is_traced: bool) -> None:
    async def run() -> None:
        if is_traced:
            continue_trace(None)
        await act()

    await asyncio.create_task(run(), context=Context())


def id_of(record: ConsumerRecord) -> str:
    return str(dict(record.headers)["ce_id"].decode())


def describe(record: ConsumerRecord) -> tuple[object, ...]:
    """Give all that the contract says of a record. Headers have no order in it; a null traceparent is none."""
    headers = [(name, value) for name, value in record.headers if (name, value) != ("traceparent", None)]
    return record.topic, record.partition, record.key, record.value, sorted(headers)


def list_histories(records: Sequence[ConsumerRecord]) -> dict[bytes, list[int]]:
    """Give each aggregate's versions as its partition holds them."""
    histories: dict[bytes, list[int]] = {}
    for record in records:
        event = decode(record.key, record.value, record.headers)
        histories.setdefault(record.key, []).append(event.version)
    return histories


async def relay_all(publisher: Publisher) -> None:
    relay = Relay(RelaySettings(publisher.dsn("worker"), publisher.bootstrap, SERVICE))
    task = asyncio.create_task(relay.run())

    async def is_empty() -> bool:
        return await publisher.count_rows() == 0

    await wait_until(is_empty)
    relay.stop()
    await task


async def test_debezium_publishes_what_the_relay_publishes(publisher: Publisher) -> None:
    before, untraced, traced = tell_of_several(4), tell_of_several(8), tell_of_several(8)
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
            last = tell("deal", uuid.uuid4(), 1)
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
    first, second, third = tell_of_several(3), tell_of_several(3), tell_of_several(3)
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
            await publisher.clean(retention="1 h")
            assert await publisher.count_rows() == len(first) + len(second)
            await publisher.clean()
            assert await publisher.count_rows() == 0

        admin = await asyncpg.connect(publisher.admin_dsn)
        await drop_slot(admin, publisher)
        await admin.close()
        await publisher.write(*third)
        await require_uncleaned(publisher)
        async with started(connect):
            found = await publisher.wait_for(begin, third)

    assert {id_of(record) for record in found} == {str(event.id) for event in [*first, *second, *third]}
    for versions in list_histories(found).values():
        assert list(dict.fromkeys(versions)) == sorted(set(versions))


async def require_uncleaned(publisher: Publisher) -> None:
    count = await publisher.count_rows()
    with pytest.raises(asyncpg.RaiseError, match="away: nothing was deleted"):
        await publisher.clean()
    assert await publisher.count_rows() == count
