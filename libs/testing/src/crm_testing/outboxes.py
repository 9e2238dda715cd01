"""A database that has an outbox and nothing else, and events to put into it: for tests of the bus itself."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from crm_shared.contracts import OutboxEvent
from crm_shared.entry_points.provision import provision
from crm_shared.outbox import OUTBOX_DDL, WAKE_RELAY_DDL
from crm_testing.published_records import PublishedRecord

TENANT_ID: Final = uuid.UUID("0195a5f0-0000-7000-8000-000000000001")
OCCURRED_AT: Final = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
_PASSWORD: Final = "secret"  # noqa: S105 - of a throw-away engine


@dataclass(frozen=True, slots=True)
class OutboxDatabase:
    """Database `crm_<service>` with the three roles of `service`."""

    admin_dsn: str
    service: str

    def dsn(self, kind: str) -> str:
        """Return the DSN of role `<service>_<kind>`: owner, app or worker."""
        address = urlsplit(self.admin_dsn)
        host = f"{address.hostname}:{address.port}"
        return f"postgresql://{self.service}_{kind}:{_PASSWORD}@{host}/crm_{self.service}"

    async def create(self) -> None:
        """Make it afresh, whatever an earlier run has left."""
        await provision(self.admin_dsn, self.service, password_of=lambda _role: _PASSWORD)
        owner = await asyncpg.connect(self.dsn("owner"))
        try:
            await owner.execute("DROP TABLE IF EXISTS outbox; DROP FUNCTION IF EXISTS wake_relay")
            await owner.execute(OUTBOX_DDL + WAKE_RELAY_DDL)
        finally:
            await owner.close()

    async def connect(self, kind: str = "worker") -> asyncpg.Connection:
        # Test engines may acknowledge commits that a kill takes back: here a commit means what it says.
        return await asyncpg.connect(self.dsn(kind), server_settings={"synchronous_commit": "on"})

    async def connect_as_admin(self) -> asyncpg.Connection:
        """Connect as the superuser, whom no policy binds."""
        return await asyncpg.connect(self.admin_dsn, database=f"crm_{self.service}")


def make_deal_event(
    deal_id: uuid.UUID | None = None, *, version: int = 1, tenant_id: uuid.UUID = TENANT_ID, name: str = "Acme renewal"
) -> OutboxEvent:
    """Make a deal's event: created at version 1, else updated."""
    parts = {"pipeline_id": tenant_id, "stage_id": tenant_id, "created_at": OCCURRED_AT, "updated_at": OCCURRED_AT}
    known = {"id": deal_id or uuid.uuid4(), "version": version, "name": name}
    return PublishedRecord.new("deal", tenant_id, **parts, **known).write()
