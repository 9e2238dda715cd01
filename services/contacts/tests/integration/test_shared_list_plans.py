"""Shares cost a list no index: the rows owned are read by owner, the rows shared by key, and neither by walking all."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from services.contacts.tests.integration.kits import running_contacts
from services.contacts.tests.integration.test_list_plans import caller_of

from crm_contacts.contacts import queries
from crm_contacts.contacts.filters import to_filters
from crm_contacts.contacts.routes import SORTS
from crm_contacts.contacts.schemas import ContactList
from crm_contacts.settings import ContactsSettings
from crm_shared.database import Database
from crm_shared.http.cursors import parse_order, to_page
from crm_testing.people import JOINED_AT, SeededTenant
from crm_testing.query_plans import Explaining, list_reads
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

MANY = 20_000
# Fifty owners, the viewers among them: who has how many is what the planner goes by.
FILL = """
    INSERT INTO contacts (tenant_id, id, version, first_name, owner_id, tags, custom_data, external_id, shares,
                          created_at, updated_at)
    SELECT $1, gen_random_uuid(), 1, 'First' || n,
           CASE n % 50 WHEN 1 THEN $2::uuid WHEN 2 THEN $3::uuid WHEN 3 THEN $4::uuid
                       ELSE md5('owner ' || n % 50)::uuid END,
           '{}', '{}', 'external-' || n, '[]', $5::timestamptz + n * interval '1 second',
           $5::timestamptz + n * interval '1 second'
      FROM generate_series(1, $6::integer) AS n
"""
SHARE_SOME = """
    UPDATE contacts
       SET shares = jsonb_build_array(jsonb_build_object('user_id', $2::uuid, 'permission', 'READ'),
                                      jsonb_build_object('user_id', $3::uuid, 'permission', 'READ'))
     WHERE tenant_id = $1 AND external_id LIKE 'external-%777'
"""


@pytest.fixture(scope="module")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[Contacts]:
    async with running_contacts(postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture(scope="module")
async def sharing_tenant(contacts: Contacts) -> SeededTenant:
    """Return fifty people 20,000 contacts, 20 of which are shared with the manager and with the other REP."""
    tenant = await contacts.seed_tenant()
    async with contacts.database.begin_as_worker() as transaction:
        viewers = (tenant.manager.id, tenant.other_rep.id, tenant.rep.id)
        await transaction.execute(FILL, tenant.id, *viewers, JOINED_AT, MANY)
        await transaction.execute(SHARE_SOME, tenant.id, tenant.manager.id, tenant.other_rep.id)
    owner = await asyncpg.connect(contacts.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE contacts; ANALYZE contact_shares")
    await owner.close()
    return tenant


@pytest.fixture
async def app_database(contacts: Contacts) -> AsyncIterator[Database]:
    database = await Database.open(contacts.settings.dsn.get_secret_value(), max_size=1)
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("-created_at", "contacts_by_owner"),
        ("created_at", "contacts_by_owner"),
        ("-updated_at", "contacts_by_owner_updated"),
        ("name", "contacts_by_owner_name"),
    ],
)
@pytest.mark.parametrize("role", ["manager", "other_rep"])
async def test_a_list_with_shares_walks_nobody_elses_contacts(
    app_database: Database, sharing_tenant: SeededTenant, role: str, sort: str, index: str
) -> None:
    query = ContactList(sort=sort)
    page = to_page(query, parse_order(sort, SORTS, id_column="c.id"))
    caller = replace(caller_of(getattr(sharing_tenant, role)), has_shares=True)
    async with app_database.read(sharing_tenant.id) as connection:
        explaining = Explaining(connection)
        await queries.list_contacts(explaining, caller, to_filters(query, caller, region="DE"), page)

    assert set(list_reads(explaining.plan, "contacts")) == {index, "contacts_pkey"}
