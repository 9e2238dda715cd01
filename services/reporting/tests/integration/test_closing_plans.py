"""Reports over closed deals read what closed in their window, from an index that holds all they count."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Final

import asyncpg
import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS
from services.reporting.tests.integration.plans import Explaining, list_scans

from crm_reporting.app import make_app
from crm_reporting.reports.closings import queries
from crm_reporting.reports.closings.figures import Grouping
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.velocity.queries import count_open
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Connection, Database
from crm_shared.testing.people import Person
from crm_shared.testing.service_kit import ServiceKit, running_service

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
    owner = await asyncpg.connect(filled.settings.owner_dsn.get_secret_value())
    await owner.execute("VACUUM ANALYZE deal_facts")
    await owner.execute("VACUUM ANALYZE deal_periods")
    await owner.close()
    return Scope(to_caller(tenants[0].admin), WINDOW.end, pipelines[0], [], "EUR", "Europe/Berlin")


@pytest.fixture(scope="module")
async def connection(filled: ServiceKit[ReportingSettings], scope: Scope) -> AsyncIterator[Connection]:
    """Lend a connection of the role that row-level security binds."""
    async with (
        Database.opened(filled.settings.dsn.get_secret_value(), max_size=1) as database,
        database.read(scope.caller.tenant_id) as connection,
    ):
        yield connection


def to_caller(person: Person) -> Caller:
    return Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")


@pytest.mark.parametrize("grouping", ["all", "owner", "month"])
async def test_a_window_is_read_from_its_index_alone(connection: Connection, scope: Scope, grouping: Grouping) -> None:
    explaining = Explaining(connection)
    await queries.count_closed(explaining, scope, WINDOW, grouping)
    assert list_scans(explaining.plan) == [("Index Only Scan", "deal_facts_closed_in_window")]


@pytest.mark.parametrize("grouping", ["all", "owner", "month"])
async def test_money_is_read_from_an_index_of_closings(
    connection: Connection, scope: Scope, grouping: Grouping
) -> None:
    """Either one does: until a vacuum has come by, the one in the order of currencies may cost less."""
    explaining = Explaining(connection)
    await queries.sum_won(explaining, scope, WINDOW, grouping)
    [(_, name)] = list_scans(explaining.plan)
    assert name in {"deal_facts_closed_in_window", "deal_facts_closed"}


@pytest.mark.parametrize("grouping", ["source", "lost_reason"])
async def test_other_groups_read_the_windows_deals_by_it(
    connection: Connection, scope: Scope, grouping: Grouping
) -> None:
    explaining = Explaining(connection)
    await queries.count_closed(explaining, scope, WINDOW, grouping)
    assert "deal_facts_closed_in_window" in {name for _, name in list_scans(explaining.plan)}


async def test_who_sees_all_asks_no_fact_whose_a_past_deal_is(connection: Connection, scope: Scope) -> None:
    explaining = Explaining(connection)
    await count_open(explaining, scope, [WINDOW.begin, WINDOW.end], "month")
    assert not {name for _, name in list_scans(explaining.plan) if name.startswith("deal_facts")}
