"""Lists by next step read what they show, by indexes in the list's order, whoever asks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from services.deals.tests.integration.kits import running_deals
from services.deals.tests.integration.sales import ContactsStandIn, Sales
from services.deals.tests.integration.test_shared_list_plans import FILL

from crm_deals.deals import queries
from crm_deals.deals.next_steps import NextStep
from crm_deals.deals.routes import SORTS
from crm_deals.settings import DealsSettings
from crm_shared.access import Caller
from crm_shared.database import Connection, Database, Where
from crm_shared.http.cursors import parse_order
from crm_shared.listing import Page
from crm_testing.people import JOINED_AT, Person
from crm_testing.query_plans import Explaining, list_reads
from crm_testing.service_kit import ServiceKit
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

MANY = 20_000
# The older half is overdue; a few of the planned have just come due.
PLAN = """
    UPDATE deals d
       SET next_activity_id = d.id, next_step = step,
           next_due_at = now() + CASE step WHEN 'OVERDUE' THEN -interval '1 day' ELSE interval '1 day' END
      FROM (SELECT id, CASE number % 3 WHEN 1 THEN 'PLANNED' ELSE 'OVERDUE' END AS step
              FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS number FROM deals WHERE tenant_id = $1)
                   AS numbered
             WHERE number % 3 = 1 OR (number % 3 = 2 AND number < $2)) AS planned
     WHERE d.tenant_id = $1 AND d.id = planned.id
"""


@pytest.fixture(scope="module")
async def deals(postgres_admin_dsn: str, contacts: ContactsStandIn) -> AsyncIterator[ServiceKit[DealsSettings]]:
    async with running_deals(postgres_admin_dsn, contacts) as kit:
        yield kit


@pytest.fixture
async def app_connection(sales: Sales) -> AsyncIterator[Connection]:
    """Lend a connection of the role that row-level security binds, to a tenant with many deals."""
    tenant, stage_id = sales.tenant, sales.stages["Proposal"]
    async with sales.kit.database.begin_as_worker() as transaction:
        viewers = (tenant.manager.id, tenant.other_rep.id)
        await transaction.execute(FILL, tenant.id, *viewers, sales.pipeline_id, stage_id, JOINED_AT, MANY)
        await transaction.execute(PLAN, tenant.id, MANY // 2)
    await vacuum(sales.kit.settings.owner_dsn.get_secret_value(), "deals")
    async with (
        Database.opened(sales.kit.settings.dsn.get_secret_value(), max_size=1) as database,
        database.read(tenant.id) as connection,
    ):
        yield connection


async def explain(connection: Connection, person: Person, step: NextStep) -> set[str]:
    page, explaining = Page(parse_order(None, SORTS, id_column="d.id"), None, 50), Explaining(connection)
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")
    now = datetime.now(UTC)
    statement = queries.select_deals_by_next_step(caller, Where(caller.tenant_id), page, step, now=now)
    await statement.fetch(explaining)
    return set(list_reads(explaining.plan, "deals"))


async def test_each_list_reads_its_index(sales: Sales, app_connection: Connection) -> None:
    for person, index in (
        (sales.tenant.admin, "deals_by_next_step"),
        (sales.tenant.manager, "deals_by_owners_next_step"),
        (sales.tenant.other_rep, "deals_by_owners_next_step"),
    ):
        for step in NextStep:
            reads = await explain(app_connection, person, step)
            assert index in reads
            few = {"deals_coming_due"} if step is NextStep.OVERDUE else set()
            assert reads - {index, "deals_pkey"} == few, (person.full_name, step)
