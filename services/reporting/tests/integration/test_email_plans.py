"""Finding what answers e-mails costs what is looked up, though PostgreSQL takes the tenant for a small one."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS
from services.reporting.tests.integration.mail_stories import Reporting
from services.reporting.tests.integration.test_unknown_tenants import measure

from crm_reporting.app import make_app
from crm_reporting.emails.recount import relink_emails
from crm_reporting.emails.store import link_emails
from crm_reporting.settings import ReportingSettings
from crm_reporting.verification import find_differences
from crm_shared.clock import new_id
from crm_shared.database import Connection
from crm_testing.query_plans import explain
from crm_testing.service_kit import running_service

pytestmark = pytest.mark.engines

SMALL_TENANTS: Final = 2_000
EMAILS: Final = 4_000
BATCH: Final = 200
LINKING: Final = 3
LOOKING: Final = 30
"""How often a statement may touch each e-mail, of all tenants, with all that it joins and counts."""
BLOCKS: Final = 130
"""How many blocks an e-mail of the batch may read; twice as many where entries wait to be put into an index."""

# An outbound e-mail is followed by an inbound one, which refers to it. All of a tenant fall in a few days.
FILL: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, contact_ids, direction, occurred_at, thread_id,
                                message_key, reference_keys, is_automatic, is_system, is_deleted)
    SELECT tenant_id, md5(tenant_id::text || n)::uuid, 1, 'EMAIL', ARRAY[md5('contact' || n / 4 % 300)::uuid],
           (ARRAY['OUTBOUND', 'INBOUND'])[1 + n % 2], '2026-11-02Z'::timestamptz + n * interval '2 minutes',
           md5(tenant_id::text || 'thread' || n / 8 % 300)::uuid,
           CASE WHEN n % 2 = 0 THEN md5(tenant_id::text || 'key' || n)::uuid END,
           CASE WHEN n % 2 = 1 THEN ARRAY[md5(tenant_id::text || 'key' || n - 1)::uuid] ELSE '{}' END,
           false, false, false
      FROM unnest($1::uuid[]) AS t (tenant_id)
     CROSS JOIN generate_series(1, $2::integer) AS n
"""
TABLES: Final = ("activity_facts", "email_contacts", "received_emails", "sent_emails")


class Costing:
    """Carries each statement out; `costs` are the rows that it touched, `blocks` what it read of tables and indexes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.costs: list[int] = []
        self.blocks = 0

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        plan = await explain(self.connection, query, *args, analyzed=True)
        self.costs.append(measure(plan))
        self.blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return []

    async def execute(self, query: str, *args: Any) -> str:
        if "activity_facts" not in query:
            return await self.connection.execute(query, *args)
        await self.fetch(query, *args)
        return ""

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        return await self.connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self.connection.fetchval(query, *args)


@pytest.fixture
async def unanalysed(postgres_admin_dsn: str) -> AsyncIterator[Reporting]:
    """Run the service on a database that knows of small tenants, and learns of no other."""
    async with running_service(
        ReportingSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        owner = await asyncpg.connect(kit.settings.owner_dsn.get_secret_value())
        for table in TABLES:
            await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        async with kit.database.begin_as_worker() as transaction:
            await transaction.execute(FILL, [new_id() for _ in range(SMALL_TENANTS)], 4)
            await relink_emails(transaction)
        await owner.execute("ANALYZE")
        await owner.close()
        yield kit


async def test_no_email_is_held_against_all_of_its_tenant(unanalysed: Reporting) -> None:
    tenant_id = new_id()
    async with unanalysed.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, [tenant_id], EMAILS)
        await relink_emails(transaction)
        rows = await transaction.fetch(
            "SELECT tenant_id, activity_id FROM activity_facts WHERE tenant_id = $1 ORDER BY 2 LIMIT $2",
            tenant_id,
            BATCH,
        )
        linking = Costing(transaction)
        await link_emails(linking, [(row[0], row[1]) for row in rows])  # type: ignore[arg-type]  # as a transaction
    async with unanalysed.database.read_as_worker() as connection:
        looking = Costing(connection)
        await find_differences(looking, tenant_id)
        assert await find_differences(connection) == []

    every = EMAILS + 4 * SMALL_TENANTS
    assert len(linking.costs) == 3
    assert [cost // every for cost in linking.costs if cost > LINKING * every] == []
    assert [cost // every for cost in looking.costs if cost > LOOKING * every] == []
    assert linking.blocks < BLOCKS * BATCH
