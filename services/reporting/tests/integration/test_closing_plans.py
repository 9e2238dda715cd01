"""Reports over closed deals read sums of days, and what can't be added up from an index that holds all they count."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS

from crm_reporting.app import make_app
from crm_reporting.closings.store import recount_closings
from crm_reporting.reports.closings import queries
from crm_reporting.reports.closings.figures import Grouping
from crm_reporting.reports.pipeline.queries import sum_closed
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.velocity.queries import count_open
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Connection, Database
from crm_shared.local_days import end_of_day
from crm_testing.people import Person
from crm_testing.query_plans import Explaining, Measuring, list_scans
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

WINDOW: Final = Window(
    date(2026, 10, 1), date(2026, 10, 31), datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
)
# Three in four are closed, over the three years before November 2026, and lie in no order of time.
FILL: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, contact_id, status, amount,
                            currency, created_at, stage_changed_at, closed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 1, $2, $2, $3, $2, (ARRAY['OPEN', 'WON', 'LOST', 'LOST'])[1 + number % 4], 100,
           (ARRAY['EUR', 'USD', 'GBP'])[1 + number % 3], closed - interval '9 days', closed,
           CASE WHEN number % 4 > 0 THEN closed END, false
      FROM (SELECT number, '2026-11-01Z'::timestamptz - number * 7919 % 20000 * interval '79 minutes' AS closed
              FROM generate_series(0, 19999) AS number) AS made
"""
BUSY: Final = 12_000
CLOSED_ALIKE: Final = [(status, currency) for status in ("WON", "LOST") for currency in ("EUR", "USD", "GBP")]
"""What else than the day keeps the sums of one owner's closings in one stage apart."""
FILL_OCTOBER: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                            created_at, stage_changed_at, closed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 1, $2, $2, $3, (ARRAY['WON', 'LOST'])[1 + number % 2], 100,
           (ARRAY['EUR', 'USD', 'GBP'])[1 + number % 3], closed - interval '9 days', closed, closed, false
      FROM (SELECT number, '2026-10-01Z'::timestamptz + number * interval '31 days' / $4 AS closed
              FROM generate_series(0, $4 - 1) AS number) AS made
"""
DAILY_RATES: Final = """
    INSERT INTO exchange_rates (tenant_id, id, base_currency, currency, effective_on, rate, version, created_at,
                                updated_at)
    SELECT $1, gen_random_uuid(), 'EUR', currency, '2026-10-01'::date + number, 2, 1, now(), now()
      FROM generate_series(0, 30) AS number
     CROSS JOIN (VALUES ('USD'), ('GBP')) AS known (currency)
"""
PERIODS: Final = """
    INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at, status,
                              amount, currency, owner_id)
    SELECT tenant_id, deal_id, created_at, closed_at, pipeline_id, stage_id, stage_changed_at, 'OPEN', amount, currency,
           owner_id
      FROM deal_facts
     WHERE tenant_id = $1
"""


@pytest.fixture(scope="module")
async def filled(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ReportingSettings]]:
    """Run the service on a database of its own, which no other test's rows change the plans of."""
    async with running_service(
        ReportingSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        yield kit


@pytest.fixture(scope="module")
async def scope(filled: ServiceKit[ReportingSettings]) -> Scope:
    """Fill two tenants, and ask as the ADMIN of one."""
    tenants = [await filled.seed_tenant() for _ in range(2)]
    pipelines = [new_id(), new_id()]
    async with filled.database.begin_as_worker() as transaction:
        for tenant, pipeline_id in zip(tenants, pipelines, strict=True):
            await transaction.execute(FILL, tenant.id, pipeline_id, tenant.rep.id)
            await transaction.execute(PERIODS, tenant.id)
    await vacuum(filled.settings.owner_dsn.get_secret_value(), "deal_facts", "deal_periods")
    return Scope(to_caller(tenants[0].admin), WINDOW.end, pipelines[0], [], "EUR", "Europe/Berlin")


@pytest.fixture(scope="module")
async def busy(filled: ServiceKit[ReportingSettings], scope: Scope) -> UUID:
    """Return a pipeline of the tenant where much closed in October, when other currencies had daily rates."""
    pipeline_id = new_id()
    tenant_id = scope.caller.tenant_id
    async with filled.database.begin_as_worker() as transaction:
        await transaction.execute(FILL_OCTOBER, tenant_id, pipeline_id, scope.caller.user_id, BUSY)
        await transaction.execute(DAILY_RATES, tenant_id)
        await recount_closings(transaction)
    tables = ("deal_facts", "closing_rollup", "exchange_rates")
    await vacuum(filled.settings.owner_dsn.get_secret_value(), *tables)
    return pipeline_id


@pytest.fixture(scope="module")
async def connection(
    filled: ServiceKit[ReportingSettings],
    scope: Scope,
    busy: UUID,  # noqa: ARG001 - filled before this connection's snapshot, which would keep its rows from a vacuum
) -> AsyncIterator[Connection]:
    """Lend a connection of the role that row-level security binds, once all that the tests read is there."""
    async with (
        Database.opened(filled.settings.dsn.get_secret_value(), max_size=1) as database,
        database.read(scope.caller.tenant_id) as connection,
    ):
        yield connection


def to_caller(person: Person) -> Caller:
    return Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")


@pytest.mark.parametrize("grouping", ["all", "owner", "month"])
async def test_a_windows_medians_are_read_from_its_index_alone(
    connection: Connection, scope: Scope, grouping: Grouping
) -> None:
    explaining = Explaining(connection)
    await queries.load_closings(explaining, scope, WINDOW, grouping, with_medians=True)
    assert list_scans(explaining.plan) == [("Index Only Scan", "deal_facts_closed_in_window")]


@pytest.mark.parametrize("grouping", ["all", "owner", "month"])
@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
async def test_what_closed_is_added_up_from_days_not_from_deals(
    connection: Connection, scope: Scope, busy: UUID, grouping: Grouping, time_zone: str
) -> None:
    """Beside the days' sums it reads facts at the edges: of the window, and of each day that has rates of its own."""
    measuring = Measuring(connection)
    asked = replace(scope, pipeline_id=busy, time_zone=time_zone)
    window = Window(
        *(WINDOW.first_day, WINDOW.last_day),
        *(end_of_day(day, time_zone) for day in (date(2026, 9, 30), WINDOW.last_day)),
    )
    closings = await queries.load_closings(measuring, asked, window, grouping)
    assert sum(group.won + group.lost for group in closings.groups) > BUSY * 0.9
    edge_hours = {"UTC": 0, "Europe/Berlin": 2, "Asia/Kathmandu": 6, "America/New_York": 5}[time_zone]
    at_edges = BUSY * edge_hours / 24
    assert measuring.rows_read < at_edges + 31 * 2 * len(CLOSED_ALIKE)


async def test_the_pipelines_closed_deals_are_added_up_from_days(
    connection: Connection, scope: Scope, busy: UUID
) -> None:
    measuring = Measuring(connection)
    sums = await sum_closed(measuring, replace(scope, pipeline_id=busy), currencies=["USD", "GBP"])
    assert sum(found.total_amount for found in sums) > 100 * BUSY * 0.6
    assert measuring.rows_read < BUSY * 2 / 24 + 33 * 2 * len(CLOSED_ALIKE)


async def test_by_source_the_windows_deals_are_read_from_its_index_alone(connection: Connection, scope: Scope) -> None:
    explaining = Explaining(connection)
    await queries.load_closings(explaining, scope, WINDOW, "source")
    for plan in explaining.plans:
        of_deals = [scan for scan in list_scans(plan) if scan[1].startswith("deal_facts")]
        assert of_deals == [("Index Only Scan", "deal_facts_closed_in_window")]


async def test_who_sees_all_asks_no_fact_whose_a_past_deal_is(connection: Connection, scope: Scope) -> None:
    explaining = Explaining(connection)
    await count_open(explaining, scope, [WINDOW.begin, WINDOW.end], "month")
    assert not {name for _, name in list_scans(explaining.plan) if name.startswith("deal_facts")}
