"""A tenant's data and its login, for tests of what BI tools read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
from services.reporting.tests.integration.mail_stories import Reporting, publish_activity

from crm_reporting.bi import readers
from crm_reporting.bi.addresses import address_of, database_of
from crm_reporting.bi.revocation import revoke_reader
from crm_reporting.consumers import keep_activities, keep_shares, project_deals
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord


@dataclass(frozen=True)
class Login:
    """A BI tool's way in, and a connection that took it."""

    tenant_id: UUID
    dsn: str
    connection: asyncpg.Connection

    async def fetch(self, question: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.connection.fetch(question)
        return rows


def place_of(reporting: Reporting) -> str:
    """Return `host:port/database` of the tests' database."""
    dsn = reporting.settings.dsn.get_secret_value()
    return f"{address_of(dsn)}/{database_of(dsn)}"


async def revoke(reporting: Reporting, admin_dsn: str, tenant: SeededTenant) -> bool:
    """Take the tenant's login away, if it has one."""
    database = database_of(reporting.settings.dsn.get_secret_value())
    return await revoke_reader(admin_dsn, tenant.id, database=database)


@asynccontextmanager
async def reading(reporting: Reporting, admin_dsn: str, tenant: SeededTenant) -> AsyncIterator[Login]:
    """Grant a login for the block."""
    made = await readers.grant_reader(admin_dsn, tenant.id, address=place_of(reporting), valid_until=None)
    try:
        connection = await asyncpg.connect(made.dsn)
        try:
            yield Login(tenant.id, made.dsn, connection)
        finally:
            connection.terminate()
    finally:
        await revoke(reporting, admin_dsn, tenant)


async def fill(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    """Tell of a contact, a deal that was won, one that is open, and a call; set a rate and a quota."""
    now = datetime.now(UTC)
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id, source="INBOUND")
    await keep_shares([contact.publish()], reporting.database)
    won = DealStory(pipeline, tenant.rep.id, Decimal("40.00"), at=now - timedelta(days=9), contact_id=contact.id)
    won.create()
    won.move("Closed Won")
    still_open = DealStory(pipeline, tenant.rep.id, Decimal("100.00"), currency="USD", stage="Proposal", at=now)
    still_open.create()
    await project_deals([*won.events, *still_open.events], reporting.database)
    call = publish_activity(tenant, "CALL", tenant.rep, now, direction="OUTBOUND")
    await keep_activities([call.publish()], reporting.database)
    admin = reporting.client(tenant.admin)
    rate = {"currency": "USD", "effective_on": "2020-01-01", "rate": "0.5"}
    require_ok(await admin.put("/v1/exchange-rates", json=rate))
    quota = {"user_id": str(tenant.rep.id), "month": "2026-11", "amount": "10.00", "currency": "EUR"}
    require_ok(await admin.put("/v1/quotas", json=quota))
