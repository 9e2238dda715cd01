"""What was won is added up from days' sums, and deal by deal only where another won it than owns it today."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS

from crm_reporting.app import make_app
from crm_reporting.closings.store import recount_closings
from crm_reporting.reports.attainment import queries
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.settings import ReportingSettings
from crm_reporting.wins.store import remake_wins
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Connection, Database
from crm_testing.people import Person, SeededTenant
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

WINDOW: Final = Window(
    date(2026, 10, 1), date(2026, 10, 31), datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
)
# All of October; half of them closed at midnights, as imports have them; they lie in no order of time.
FACTS: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                            created_at, stage_changed_at, closed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 1, $2, $2, ($3::uuid[])[1 + number % 3],
           (ARRAY['OPEN', 'WON', 'WON', 'LOST'])[1 + number % 4], 100, 'EUR', closed - interval '9 days', closed,
           CASE WHEN number % 4 > 0 THEN closed END, false
      FROM (SELECT number,
                   date_bin(CASE number % 8 WHEN 1 THEN interval '1 day' ELSE interval '1 second' END,
                            '2026-11-01Z'::timestamptz - (1 + number * 7919 % 20000) * interval '2 minutes',
                            '2020-01-01Z') AS closed
              FROM generate_series(0, 19999) AS number) AS made
"""
PERIODS: Final = """
    INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at, status,
                              closed_at, amount, currency, owner_id)
    SELECT tenant_id, deal_id, created_at, closed_at, pipeline_id, stage_id, stage_changed_at, 'OPEN', NULL, amount,
           currency, owner_id
      FROM deal_facts
     WHERE tenant_id = $1
     UNION ALL
    SELECT tenant_id, deal_id, closed_at, NULL, pipeline_id, stage_id, stage_changed_at, status, closed_at, amount,
           currency, CASE WHEN deal_id::text >= '05' THEN owner_id ELSE $2 END
      FROM deal_facts
     WHERE tenant_id = $1 AND closed_at IS NOT NULL
"""


@pytest.fixture(scope="module")
async def filled(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ReportingSettings]]:
    """Run the service on a database of its own, which no other test's rows change the plans of."""
    async with running_service(
        ReportingSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        yield kit


@pytest.fixture(scope="module")
async def seller(filled: ServiceKit[ReportingSettings]) -> tuple[SeededTenant, Scope]:
    """Fill two tenants, and give one of them with the scope of its ADMIN."""
    found = []
    for tenant in [await filled.seed_tenant() for _ in range(2)]:
        pipeline_id, owners = new_id(), [person.id for person in (tenant.manager, tenant.rep, tenant.other_rep)]
        async with filled.database.begin_as_worker() as transaction:
            await transaction.execute(FACTS, tenant.id, pipeline_id, owners)
            await transaction.execute(PERIODS, tenant.id, tenant.rep.id)
            await recount_closings(transaction)
            await remake_wins(transaction)
        found.append((tenant, to_scope(tenant.admin, pipeline_id)))
    await vacuum(
        filled.settings.owner_dsn.get_secret_value(), "deal_facts", "deal_periods", "closing_rollup", "handed_over_wins"
    )
    return found[0]


@pytest.fixture(scope="module")
async def connection(
    filled: ServiceKit[ReportingSettings], seller: tuple[SeededTenant, Scope]
) -> AsyncIterator[Connection]:
    """Lend a connection of the role that row-level security binds."""
    async with (
        Database.opened(filled.settings.dsn.get_secret_value(), max_size=1) as database,
        database.read(seller[0].id) as connection,
    ):
        yield connection


def to_scope(person: Person, pipeline_id: UUID) -> Scope:
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")
    return Scope(caller, WINDOW.end, pipeline_id, [], "EUR", "Europe/Berlin")


WON: Final = """
    SELECT count(*), count(*) FILTER (WHERE p.owner_id <> d.owner_id) AS handed_over
      FROM deal_facts d
      JOIN deal_periods p USING (tenant_id, deal_id, status)
     WHERE d.tenant_id = $1 AND d.status = 'WON'
"""


async def test_what_was_won_is_added_up_from_days(connection: Connection, seller: tuple[SeededTenant, Scope]) -> None:
    tenant, scope = seller
    [(won, handed_over)] = await connection.fetch(WON, tenant.id)
    measuring = Measuring(connection)
    sums = await queries.sum_won(measuring, scope, WINDOW)
    assert sum(found.amount for found in sums) == won * 100
    of_two_tenants = 4 * handed_over  # so few rows of others' wins are read from end to end
    assert measuring.rows_read < won / 8 + of_two_tenants < won / 4


async def test_each_reads_their_own(connection: Connection, seller: tuple[SeededTenant, Scope]) -> None:
    tenant, scope = seller
    of_all = {found.key: found.amount for found in await queries.sum_won(connection, scope, WINDOW)}
    for person, users in (
        (tenant.manager, {tenant.manager, tenant.rep}),
        (tenant.rep, {tenant.rep}),
        (tenant.other_rep, {tenant.other_rep}),
    ):
        found = await queries.sum_won(connection, to_scope(person, scope.pipeline_id), WINDOW)
        assert {one.key for one in found} == {user.id for user in users}
        assert all(one.amount <= of_all[one.key] for one in found)
