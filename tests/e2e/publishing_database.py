"""A service's database as Debezium needs it, prepared with the files of deploy/debezium: what its test runs on."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from aiokafka import ConsumerRecord
from aiokafka.admin import NewTopic

from crm_local.connectors import fill, heartbeat_topic_of, make_connector, password_file_of, role_of
from crm_local.engines.connect import KafkaConnect, secrets_folder
from crm_local.engines.ports import free_ports
from crm_shared.bus.topics import administering, create_topics
from crm_shared.contracts import OutboxEvent
from crm_shared.database.migrations import migrate
from crm_shared.entry_points.provision import provision
from crm_shared.outbox.cleaner import Cleaner
from crm_shared.outbox.settings import RelaySettings
from crm_shared.publishing import publish
from crm_testing.records import read_ends, read_topic
from crm_testing.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
MIGRATIONS: Final = ROOT / "services" / "deals" / "migrations" / "versions"
SERVICE: Final = "deals"
TOPICS: Final = ("crm.deal", "crm.pipeline")
PASSWORD: Final = "secret"
PATIENCE_S: Final = 90.0  # two cores, and a Java process that starts

Ends: TypeAlias = Mapping[str, dict[int, int]]


def id_of(record: ConsumerRecord) -> str:
    return str(dict(record.headers)["ce_id"].decode())


@dataclass(frozen=True)
class Publisher:
    """A migrated database of the deals service, on which Debezium may run, and the topics that it writes."""

    admin_dsn: str
    bootstrap: str
    database: str

    def dsn(self, kind: str) -> str:
        address = urlsplit(self.admin_dsn)
        return f"postgresql://{SERVICE}_{kind}:{PASSWORD}@{address.hostname}:{address.port}/{self.database}"

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
                await publish(worker, events, audited=False)
        finally:
            await worker.close()

    async def count_rows(self) -> int:
        worker = await asyncpg.connect(self.dsn("worker"))
        try:
            return int(await worker.fetchval("SELECT count(*) FROM outbox"))
        finally:
            await worker.close()

    @asynccontextmanager
    async def cleaning(self) -> AsyncIterator[Cleaner]:
        """Run for the block what deletes the rows that the connector has confirmed."""
        cleaner = Cleaner(RelaySettings(self.dsn("worker"), self.bootstrap, SERVICE, kind="debezium"))
        task = asyncio.create_task(cleaner.run())
        try:
            yield cleaner
        finally:
            cleaner.stop()
            await task

    async def wait_empty(self) -> None:
        async def is_empty() -> bool:
            return await self.count_rows() == 0

        await wait_until(is_empty, timeout_s=PATIENCE_S)

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
        address = urlsplit(self.admin_dsn)
        connector = make_connector(
            SERVICE,
            host=str(address.hostname),
            port=address.port or 5432,
            database=self.database,
            secrets=secrets_folder(home / "connect"),
        )
        secrets = {password_file_of(SERVICE): PASSWORD}
        engine = KafkaConnect(home / "connect", free_ports(1)[0], self.bootstrap, [connector], secrets=secrets)
        try:
            yield engine
        finally:
            engine.kill()
            shutil.rmtree(home, ignore_errors=True)

    async def lose_slot(self) -> None:
        """Drop the slot, as a failover to a server without it does. The connector must be stopped."""
        admin = await asyncpg.connect(self.admin_dsn)

        async def is_idle() -> bool:
            active = "SELECT count(*) FROM pg_replication_slots WHERE database = $1 AND active"
            return not await admin.fetchval(active, self.database)

        try:
            await wait_until(is_idle)
            drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1"
            await admin.fetch(drop, self.database)
        finally:
            await admin.close()

    async def prepare(self) -> None:
        """Migrate, make the topics, and do what deploy/debezium/README.md tells the operator to."""
        await provision(self.admin_dsn, SERVICE, password_of=lambda _role: PASSWORD, database=self.database)
        await asyncio.to_thread(migrate, self.dsn("owner"), MIGRATIONS)
        await create_topics(self.bootstrap, SERVICE, groups={}, partitions=3, replication=1)
        async with administering(self.bootstrap) as admin:
            if (heartbeats := heartbeat_topic_of(SERVICE)) not in await admin.list_topics():
                await admin.create_topics([NewTopic(heartbeats, num_partitions=1, replication_factor=1)])
        grant = fill("grant.sql", {"CRM_SERVICE": SERVICE})
        await self.run_as_admin(grant, f"ALTER ROLE {role_of(SERVICE)} PASSWORD '{PASSWORD}'")

    async def drop(self) -> None:
        await self.lose_slot()
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        finally:
            await admin.close()


@asynccontextmanager
async def publishing_database(admin_dsn: str, bootstrap: str) -> AsyncIterator[Publisher]:
    """Lend one that is dropped at the end, its slot with it."""
    publisher = Publisher(admin_dsn, bootstrap, f"test_debezium_{uuid.uuid4().hex[:12]}")
    try:
        await publisher.prepare()
        yield publisher
    finally:
        await publisher.drop()
