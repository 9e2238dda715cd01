"""A conversion report reads what it counts, of the window and of the owners' deals, and no deal's history.

It does so of rows that were written a moment ago, when the planner's statistics are of a time before them.
"""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg
import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS

from crm_reporting.app import make_app
from crm_reporting.reports.conversion.queries import count_reached
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import ServiceKit, running_service

pytestmark = pytest.mark.engines

DEALS, DAYS = 4_000, 5
BEGAN_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
# One deal an hour; each came from the first stage to the second after as many seconds as its number.
FILL: Final = """
    INSERT INTO stage_conversions (tenant_id, deal_id, from_stage_id, to_stage_id, owner_id, entered_at, elapsed_s)
    SELECT $1, d.id, $2::uuid, s.id, $4::uuid, $5::timestamptz + d.number * interval '1 hour',
           CASE WHEN s.id = $3::uuid THEN d.number ELSE 0 END
      FROM (SELECT gen_random_uuid() AS id, number FROM generate_series(0, $6 - 1) AS number) d
     CROSS JOIN unnest(ARRAY[$2::uuid, $3::uuid]) AS s (id)
"""


@pytest.fixture
async def alone(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ReportingSettings]]:
    """Run the service on a database of its own, which no other test's rows change the plans of."""
    async with running_service(
        ReportingSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        yield kit


async def test_it_reads_the_windows_rows_alone(alone: ServiceKit[ReportingSettings]) -> None:
    tenant, stages = await alone.seed_tenant(), [new_id(), new_id()]
    owner = await asyncpg.connect(alone.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE stage_conversions")
    await owner.close()
    async with alone.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, *stages, tenant.rep.id, BEGAN_AT, DEALS)
    caller = Caller(tenant.id, tenant.admin.id, tenant.admin.role, "EUR", "UTC")
    scope = Scope(caller, BEGAN_AT, new_id(), [], "EUR", "UTC")
    window = Window(date(2026, 2, 1), date(2026, 2, DAYS), BEGAN_AT + timedelta(days=31), BEGAN_AT + timedelta(days=36))
    async with (
        Database.opened(alone.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        measuring = Measuring(connection)
        reached = await count_reached(measuring, scope, window, from_stages=stages, to_stages=stages)
    counted = {(found.from_stage_id, found.to_stage_id): (found.deal_count, found.median_s) for found in reached}
    first, second = stages
    assert counted == {
        (first, first): (24 * DAYS, 0.0),
        (first, second): (24 * DAYS, 24 * (31 + DAYS / 2) - 0.5),
    }
    assert measuring.rows_read < 3 * 24 * DAYS
    async with alone.database.begin_as_worker() as transaction:  # of no deal, so that verifying must not find them
        await transaction.execute("DELETE FROM stage_conversions WHERE tenant_id = $1", tenant.id)
