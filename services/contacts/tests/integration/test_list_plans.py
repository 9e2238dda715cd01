"""Lists stay quick however many rows a tenant has: each is served by an index, under row-level security too."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from services.contacts.tests.integration.kits import running_contacts

from crm_contacts.companies import queries as company_queries
from crm_contacts.companies.filters import to_filters as to_company_filters
from crm_contacts.companies.routes import SORTS as COMPANY_SORTS
from crm_contacts.companies.schemas import CompanyList
from crm_contacts.contacts import queries as contact_queries
from crm_contacts.contacts.filters import to_filters
from crm_contacts.contacts.routes import SORTS
from crm_contacts.contacts.schemas import ContactList
from crm_contacts.settings import ContactsSettings
from crm_shared.access import Caller
from crm_shared.database import Database
from crm_shared.http.cursors import encode_cursor, parse_order, to_page
from crm_shared.listing import Key
from crm_testing.people import JOINED_AT, Person, SeededTenant
from crm_testing.query_plans import Explaining
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

MANY = 5_000
FILL = """
    WITH made AS (
        INSERT INTO companies (tenant_id, id, version, name, domain, owner_id, tags, custom_data, created_at,
                               updated_at)
        SELECT $1, gen_random_uuid(), 1, 'Company ' || n, n || '.example', $2, '{}', '{}', $3, $3
          FROM generate_series(1, $4::integer) AS n
    )
    INSERT INTO contacts (tenant_id, id, version, first_name, last_name, email, phone_e164, owner_id, tags, custom_data,
                          external_id, shares, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 1, 'First' || n, 'Last' || n, n || '@x.example', '+4930' || n,
           CASE n % 4 WHEN 0 THEN $2 WHEN 1 THEN $6::uuid ELSE $5::uuid END,
           ARRAY[CASE n % 500 WHEN 0 THEN 'rare' ELSE 'usual' END], '{}',
           'external-' || n, '[]', $3 + n * interval '1 second', $3 + n * interval '1 second'
      FROM generate_series(1, $4::integer) AS n
"""


@pytest.fixture(scope="module")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[Contacts]:
    async with running_contacts(postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture(scope="module")
async def full_tenant(contacts: Contacts) -> SeededTenant:
    tenant = await contacts.seed_tenant()
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, tenant.rep.id, JOINED_AT, MANY, tenant.admin.id, tenant.other_rep.id)
    owner = await asyncpg.connect(contacts.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE companies; ANALYZE contacts; ANALYZE contact_tags")
    await owner.close()
    return tenant


@pytest.fixture
async def app_database(contacts: Contacts) -> AsyncIterator[Database]:
    database = await Database.open(contacts.settings.dsn.get_secret_value(), max_size=1)
    yield database
    await database.close()


def caller_of(person: Person) -> Caller:
    return Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")


@pytest.mark.parametrize(
    ("role", "parameters", "index"),
    [
        ("admin", {}, "contacts_by_created"),
        ("admin", {"sort": "created_at"}, "contacts_by_created"),
        ("admin", {"sort": "-updated_at"}, "contacts_by_updated"),
        ("admin", {"sort": "name"}, "contacts_by_name"),
        ("manager", {}, "contacts_by_owner"),
        ("manager", {"sort": "name"}, "contacts_by_owner_name"),
        ("manager", {"sort": "-updated_at"}, "contacts_by_owner_updated"),
        ("other_rep", {"sort": "name"}, "contacts_by_owner_name"),
        ("admin", {"sort": "last_name"}, "contacts_by_surname"),
        ("admin", {"tag": ["rare"]}, "contact_tags_pkey"),
        ("admin", {"deleted": "true"}, "contacts_deleted"),
        ("other_rep", {}, "contacts_by_owner"),
        ("admin", {"email": "7@x.example"}, "contacts_one_email"),
        ("admin", {"phone": "030 7777"}, "contacts_by_phone"),
        ("admin", {"external_id": "external-7"}, "contacts_one_external_id"),
        ("admin", {"q": "first777"}, "contacts_by_name"),
        ("admin", {"q": "last777"}, "contacts_by_surname"),
        ("admin", {"q": "777@"}, "contacts_one_email"),
        ("admin", {"q": "FÍRST777"}, "contacts_by_name"),
        ("admin", {"q": "777@"}, "contacts_by_accented_email"),
        ("admin", {"email.empty": "true"}, "contacts_one_email"),
        ("admin", {"company_id.empty": "false", "sort": "name"}, "contacts_by_company"),
        ("admin", {"external_id.empty": "false", "sort": "name"}, "contacts_by_name"),
        ("manager", {"source.empty": "true"}, "contacts_by_owner"),
    ],
)
@pytest.mark.parametrize("is_first_page", [True, False])
async def test_a_contact_list_reads_an_index(
    app_database: Database,
    full_tenant: SeededTenant,
    role: str,
    parameters: dict[str, Any],
    index: str,
    *,
    is_first_page: bool,
) -> None:
    order = parse_order(parameters.get("sort"), SORTS, id_column="c.id")
    middle = "first2500" if "name" in order.name else JOINED_AT + timedelta(seconds=MANY / 2)
    cursor = {} if is_first_page else {"cursor": encode_cursor(order, Key(middle, full_tenant.id))}
    query = ContactList.model_validate({**parameters, **cursor})
    caller = caller_of(getattr(full_tenant, role))
    async with app_database.read(full_tenant.id) as connection:
        explaining = Explaining(connection)
        filters = to_filters(query, caller, region="DE")
        await contact_queries.list_contacts(explaining, caller, filters, to_page(query, order))

    assert index in json.dumps(explaining.plan)


@pytest.mark.parametrize(
    ("role", "parameters", "index"),
    [
        ("admin", {}, "companies_by_created"),
        ("admin", {"sort": "-updated_at"}, "companies_by_updated"),
        ("admin", {"sort": "-name"}, "companies_by_name"),
        ("other_rep", {}, "companies_by_owner"),
        ("admin", {"domain": "7.example"}, "companies_one_domain"),
        ("admin", {"q": "company 77"}, "companies_by_name"),
    ],
)
async def test_a_company_list_reads_an_index(
    app_database: Database, full_tenant: SeededTenant, role: str, parameters: dict[str, Any], index: str
) -> None:
    query = CompanyList.model_validate(parameters)
    order = parse_order(query.sort, COMPANY_SORTS, id_column="c.id")
    caller = caller_of(getattr(full_tenant, role))
    async with app_database.read(full_tenant.id) as connection:
        explaining = Explaining(connection)
        filters = to_company_filters(query, caller)
        await company_queries.list_companies(explaining, caller, filters, to_page(query, order))

    assert index in json.dumps(explaining.plan)
