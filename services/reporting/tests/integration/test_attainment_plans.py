"""What was won meets its closings in one pass over two indexes, also where many deals closed at one moment."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS

from crm_reporting.app import make_app
from crm_reporting.reports.attainment import queries
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Connection, Database
from crm_testing.people import Person, SeededTenant
from crm_testing.query_plans import Explaining, list_nodes, list_scans
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

WINDOW: Final = Window(
    date(2026, 10, 1), date(2026, 10, 31), datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
)
# Half of them closed at midnights, as imports have them; they lie in no order of time.
FACTS: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                            created_at, stage_changed_at, closed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 1, $2, $2, ($3::uuid[])[1 + number % 3],
           (ARRAY['OPEN', 'WON', 'WON', 'LOST'])[1 + number % 4], 100, 'EUR', closed - interval '9 days', closed,
           CASE WHEN number % 4 > 0 THEN closed END, false
      FROM (SELECT number,
                   date_bin(CASE number % 8 WHEN 1 THEN interval '1 day' ELSE interval '1 second' END,
                            '2026-11-01Z'::timestamptz - number * 7919 % 20000 * interval '79 minutes',
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
           currency, owner_id
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
            await transaction.execute(PERIODS, tenant.id)
        found.append((tenant, to_scope(tenant.admin, pipeline_id)))
    await vacuum(filled.settings.owner_dsn.get_secret_value(), "deal_facts", "deal_periods")
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


async def test_won_deals_and_closings_are_read_from_indexes_of_closings(
    connection: Connection, seller: tuple[SeededTenant, Scope]
) -> None:
    """Of the deals' two either one does: before a vacuum the one in the order of currencies may cost less."""
    tenant, scope = seller
    for person in (tenant.admin, tenant.manager, tenant.rep):
        explaining = Explaining(connection)
        await queries.sum_won(explaining, to_scope(person, scope.pipeline_id), WINDOW)
        deals, closings = sorted(name for _, name in list_scans(explaining.plan) if name.startswith("deal_"))
        assert deals in {"deal_facts_closed_in_window", "deal_facts_closed"}, person.full_name
        assert closings == "deal_periods_won", person.full_name


async def test_deals_of_one_moment_do_not_meet_each_other(
    connection: Connection, seller: tuple[SeededTenant, Scope]
) -> None:
    explaining = Explaining(connection)
    await queries.sum_won(explaining, seller[1], WINDOW)
    [join] = [
        node for node in list_nodes(explaining.plan) if "Join" in node["Node Type"] or "Loop" in node["Node Type"]
    ]
    condition = str(join.get("Merge Cond") or join.get("Hash Cond"))
    assert condition.count("closed_at") == 2
    assert condition.count("deal_id") == 2
