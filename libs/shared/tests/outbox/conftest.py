"""A database with an outbox, and events to put into it."""

import datetime
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest

from crm_shared.bus.topics import create_topics
from crm_shared.contracts import OutboxEvent, new_event
from crm_shared.database.provision import provision
from crm_shared.outbox import OUTBOX_DDL
from crm_shared.outbox.settings import RelaySettings

SERVICE = "outboxtest"


@dataclass(frozen=True, slots=True)
class OutboxDatabase:
    admin_dsn: str

    def dsn(self, kind: str) -> str:
        address = urlsplit(self.admin_dsn)
        return f"postgresql://{SERVICE}_{kind}:secret@{address.hostname}:{address.port}/crm_{SERVICE}"

    async def connect(self, kind: str = "worker") -> asyncpg.Connection:
        return await asyncpg.connect(self.dsn(kind))

    async def connect_as_admin(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.admin_dsn, database=f"crm_{SERVICE}")


@pytest.fixture(scope="session")
async def provisioned(postgres_admin_dsn: str) -> OutboxDatabase:
    await provision(postgres_admin_dsn, SERVICE, password_of=lambda _role: "secret")
    database = OutboxDatabase(postgres_admin_dsn)
    owner = await database.connect("owner")
    await owner.execute("DROP TABLE IF EXISTS outbox")
    await owner.execute(OUTBOX_DDL)
    await owner.close()
    return database


@pytest.fixture
async def database(provisioned: OutboxDatabase) -> AsyncIterator[OutboxDatabase]:
    """The database with an empty outbox."""
    admin = await provisioned.connect_as_admin()
    await admin.execute("TRUNCATE outbox")
    yield provisioned
    await admin.close()


@pytest.fixture(scope="session")
async def deal_topic(kafka_bootstrap: str) -> str:
    await create_topics(kafka_bootstrap, "deals", groups={}, partitions=3, replication=1)
    return "crm.deal"


@pytest.fixture
def settings(database: OutboxDatabase, kafka_bootstrap: str, deal_topic: str) -> RelaySettings:
    assert deal_topic
    return RelaySettings(dsn=database.dsn("worker"), kafka_bootstrap=kafka_bootstrap, service=SERVICE)


@pytest.fixture
def make_deal_event() -> Callable[..., OutboxEvent]:
    tenant_id = uuid.uuid4()

    def make(
        aggregate_id: uuid.UUID | None = None, *, version: int = 1, tenant_id: uuid.UUID = tenant_id, name: str = "Acme"
    ) -> OutboxEvent:
        aggregate_id = aggregate_id or uuid.uuid4()
        return new_event(
            aggregate="deal",
            aggregate_id=aggregate_id,
            verb="created" if version == 1 else "updated",
            version=version,
            tenant_id=tenant_id,
            occurred_at=datetime.datetime(2026, 11, 2, 9, 30, tzinfo=datetime.UTC),
            state={"id": aggregate_id, "version": version, "name": name},
            changed=None,
            actor_id=None,
        )

    return make
