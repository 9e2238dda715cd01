"""Shares cost a list no index: what is owned is read as without them, what is shared by its contact."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from services.deals.tests.integration.kits import running_deals
from services.deals.tests.integration.sales import ContactsStandIn, Sales

from crm_deals.deals import queries
from crm_deals.deals.routes import SORTS
from crm_deals.settings import DealsSettings
from crm_shared.access import Caller
from crm_shared.database import Connection, Database, Where
from crm_shared.http.cursors import parse_order
from crm_shared.listing import Page
from crm_testing.people import JOINED_AT, Person
from crm_testing.query_plans import Explaining, list_reads
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

MANY = 20_000
# Fifty owners, the viewers among them, and 8,000 contacts, 20 of which are shared with the viewers.
FILL = """
    INSERT INTO deals (tenant_id, id, version, name, contact_id, owner_id, pipeline_id, stage_id, currency, status,
                       stage_changed_at, custom_data, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 1, 'Deal ' || n, md5((n % 8000)::text)::uuid,
           CASE n % 50 WHEN 1 THEN $2::uuid WHEN 2 THEN $3::uuid ELSE md5('owner ' || n % 50)::uuid END,
           $4, $5, 'EUR', 'OPEN', $6::timestamptz + n * interval '1 second', '{}',
           $6::timestamptz + n * interval '1 second', $6::timestamptz + n * interval '1 second'
      FROM generate_series(1, $7::integer) AS n
"""
SHARE = """
    INSERT INTO contact_shares (tenant_id, user_id, contact_id, permission)
    SELECT $1, viewer, md5((n * 100)::text)::uuid, 'READ' FROM generate_series(0, 19) AS n, unnest($2::uuid[]) AS viewer
"""


@pytest.fixture(scope="module")
async def deals(postgres_admin_dsn: str, contacts: ContactsStandIn) -> AsyncIterator[ServiceKit[DealsSettings]]:
    async with running_deals(postgres_admin_dsn, contacts) as kit:
        yield kit


@pytest.fixture
async def full_sales(sales: Sales) -> Sales:
    tenant, stage_id = sales.tenant, sales.stages["Proposal"]
    viewers = (tenant.manager.id, tenant.other_rep.id)
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, *viewers, sales.pipeline_id, stage_id, JOINED_AT, MANY)
        await transaction.execute(SHARE, tenant.id, viewers)
    owner = await asyncpg.connect(sales.kit.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE deals; ANALYZE contact_shares")
    await owner.close()
    return sales


@pytest.fixture
async def app_connection(full_sales: Sales) -> AsyncIterator[Connection]:
    """Lend a connection of the role that row-level security binds."""
    async with (
        Database.opened(full_sales.kit.settings.dsn.get_secret_value(), max_size=1) as database,
        database.read(full_sales.tenant.id) as connection,
    ):
        yield connection


async def explain(connection: Connection, person: Person, *, has_shares: bool) -> set[str]:
    order, explaining = parse_order(None, SORTS, id_column="d.id"), Explaining(connection)
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin", has_shares=has_shares)
    await queries.select_deals(caller, Where(caller.tenant_id), Page(order, None, 50)).fetch(explaining)
    return set(list_reads(explaining.plan, "deals"))


@pytest.mark.parametrize("role", ["manager", "other_rep"])
async def test_a_list_with_shares_walks_nobody_elses_deals(
    full_sales: Sales, app_connection: Connection, role: str
) -> None:
    person: Person = getattr(full_sales.tenant, role)
    without = await explain(app_connection, person, has_shares=False)

    assert await explain(app_connection, person, has_shares=True) == without | {"deals_by_contact"}
    assert "Seq Scan" not in without
    if role == "other_rep":
        assert without == {"deals_by_owner"}
