"""Indexes of custom fields: built and dropped beside the traffic, mended after a kill, and used by every list."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from services.contacts.tests.integration.kits import running_contacts

from crm_contacts.companies import queries
from crm_contacts.companies.filters import to_filters
from crm_contacts.companies.routes import SORTS
from crm_contacts.companies.schemas import CompanyList
from crm_contacts.settings import ContactsSettings
from crm_shared.access import Caller
from crm_shared.database import Database
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.indexes import TRY_LOCK, IndexKeeper
from crm_shared.features.custom_fields.listing import apply_query
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import JOINED_AT, Person, SeededTenant
from crm_testing.query_plans import Explaining
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

MANY = 200_000
# Every fourth company has no value. Ids in order, as new_id makes them: a table filled at random fills slowly.
FILL = """
    INSERT INTO companies (tenant_id, id, version, name, owner_id, tags, custom_data, created_at, updated_at)
    SELECT $1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, 'Company', $2, '{}',
           CASE WHEN n % 4 = 0 THEN '{}' ELSE jsonb_build_object(
               'code', 'Code ' || n, 'score', trim_scale(n * 0.5)::text, 'day', (date '2000-01-01' + n % 9000)::text,
               'tier', 'tier ' || n % 900) END,
           $3::timestamptz + n * interval '1 second', $3::timestamptz + n * interval '1 second'
      FROM generate_series(1, $4::integer) AS n
"""
FIELDS = {"code": "TEXT", "score": "NUMBER", "day": "DATE", "tier": "SELECT"}


@pytest.fixture(scope="module")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[Contacts]:
    async with running_contacts(postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture
def keeper(contacts: Contacts) -> IndexKeeper:
    return IndexKeeper(contacts.database, contacts.settings.owner_dsn.get_secret_value())


@pytest.fixture
async def owner(contacts: Contacts) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(contacts.settings.owner_dsn.get_secret_value())
    yield connection
    await connection.close()


async def define(client: httpx.AsyncClient, key: str, field_type: str, **more: Any) -> dict[str, Any]:
    body = {"entity_type": "CONTACT", "key": key, "label": key, "field_type": field_type, "indexed": True, **more}
    made: dict[str, Any] = require_ok(await client.post("/v1/custom-fields", json=body), 201)
    return made


async def read_state(client: httpx.AsyncClient, field: dict[str, Any]) -> str:
    return str(require_ok(await client.get(f"/v1/custom-fields/{field['id']}"))["index_state"])


async def is_valid(owner: asyncpg.Connection, field: dict[str, Any]) -> bool | None:
    """Return whether the field's index is fit for use; None when there is none."""
    name = f"custom_field_{UUID(field['id']).hex}"
    valid: bool | None = await owner.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", name
    )
    return valid


async def test_an_index_is_built_and_dropped(
    contacts: Contacts, tenant: SeededTenant, keeper: IndexKeeper, owner: asyncpg.Connection
) -> None:
    admin = contacts.client(tenant.admin)
    field = await define(admin, "code", "TEXT")
    path = f"/v1/custom-fields/{field['id']}"
    assert field["index_state"] == "BUILDING"
    assert await keeper.has_work()
    assert await keeper.converge()
    assert (await read_state(admin, field), await is_valid(owner, field)) == ("READY", True)
    assert not await keeper.has_work()

    off = require_ok(await admin.patch(path, json={"indexed": False}))
    assert (off["index_state"], off["version"]) == ("DROPPING", 2)
    await keeper.converge()
    assert (await read_state(admin, field), await is_valid(owner, field)) == ("NONE", None)

    require_ok(await admin.patch(path, json={"indexed": True}))
    await keeper.converge()
    assert await is_valid(owner, field) is True
    assert (await admin.delete(path)).status_code == 204
    await keeper.converge()
    assert await is_valid(owner, field) is None


async def test_what_a_kill_left_is_mended(
    contacts: Contacts, tenant: SeededTenant, keeper: IndexKeeper, owner: asyncpg.Connection
) -> None:
    """The builder's backend is cut off while CREATE INDEX CONCURRENTLY waits for an older transaction."""
    admin = contacts.client(tenant.admin)
    field = await define(admin, "code", "TEXT")
    blocker = await asyncpg.connect(contacts.settings.owner_dsn.get_secret_value())
    await blocker.execute("BEGIN; LOCK TABLE contacts IN ROW EXCLUSIVE MODE")
    building = asyncio.create_task(keeper.converge())

    async def has_begun() -> bool:
        return await is_valid(owner, field) is not None

    await wait_until(has_begun)
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'custom field indexes' AND datname = current_database()"
    )
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await building
    await blocker.close()
    assert (await read_state(admin, field), await is_valid(owner, field)) == ("BUILDING", False)

    await keeper.converge()
    assert (await read_state(admin, field), await is_valid(owner, field)) == ("READY", True)


async def test_an_index_that_nobody_wants_goes(
    tenant: SeededTenant, keeper: IndexKeeper, owner: asyncpg.Connection
) -> None:
    name = f"custom_field_{tenant.id.hex}"
    await owner.execute(f"CREATE INDEX {name} ON contacts (id) WHERE tenant_id = '{tenant.id}'")
    await keeper.converge()
    assert await owner.fetchval("SELECT to_regclass($1)", name) is None


async def test_one_builds_at_a_time(keeper: IndexKeeper, owner: asyncpg.Connection) -> None:
    assert await owner.fetchval(TRY_LOCK)
    assert await keeper.converge() is False


async def test_a_list_of_options_is_not_indexed(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    body = {
        "entity_type": "CONTACT", "key": "likes", "label": "Likes", "field_type": "MULTI_SELECT", "options": ["api"],
    }  # fmt: skip
    require_problem(
        await admin.post("/v1/custom-fields", json={**body, "indexed": True}), 422, "invalid-field", "/indexed"
    )
    field = require_ok(await admin.post("/v1/custom-fields", json=body), 201)
    answer = await admin.patch(f"/v1/custom-fields/{field['id']}", json={"indexed": True})
    require_problem(answer, 422, "invalid-field", "/indexed")


@pytest.fixture(scope="module")
async def full(contacts: Contacts) -> tuple[SeededTenant, dict[str, str]]:
    """Return a tenant with 200,000 companies and an index on each of its fields, by key."""
    tenant = await contacts.seed_tenant()
    worker = await asyncpg.connect(contacts.settings.worker_dsn.get_secret_value())  # without the pool's time limit
    await worker.execute(FILL, tenant.id, tenant.rep.id, JOINED_AT, MANY)
    await worker.close()
    admin = contacts.client(tenant.admin)
    names = {}
    for key, field_type in FIELDS.items():
        options = [f"tier {n}" for n in range(900)] if field_type == "SELECT" else []
        made = await define(admin, key, field_type, options=options, entity_type="COMPANY")
        names[key] = f"custom_field_{UUID(made['id']).hex}"
    await IndexKeeper(contacts.database, contacts.settings.owner_dsn.get_secret_value()).converge()
    return tenant, names


@pytest.fixture
async def app_database(contacts: Contacts) -> AsyncIterator[Database]:
    database = await Database.open(contacts.settings.dsn.get_secret_value(), max_size=1)
    yield database
    await database.close()


def caller_of(person: Person) -> Caller:
    return Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ({"cf_code": "code 77"}, "code"),
        ({"cf_score": "77.5"}, "score"),
        ({"cf_day": "2011-11-11"}, "day"),
        ({"cf_tier": "tier 7"}, "tier"),
        ({"cf_score.gte": "1000", "cf_score.lte": "1010"}, "score"),
        ({"cf_day.gte": "2024-08-15"}, "day"),
        ({"sort": "cf_code"}, "code"),
        ({"sort": "-cf_code"}, "code"),
        ({"sort": "cf_score"}, "score"),
        ({"sort": "-cf_score"}, "score"),
        ({"sort": "-cf_day"}, "day"),
        ({"sort": "cf_tier"}, "tier"),
        ({"sort": "cf_score", "cf_score.gte": "500"}, "score"),
    ],
)
async def test_a_list_reads_the_index(
    app_database: Database, full: tuple[SeededTenant, dict[str, str]], parameters: dict[str, str], key: str
) -> None:
    tenant, names = full
    caller = caller_of(tenant.admin)
    query = CompanyList.model_validate(parameters)
    filters = to_filters(query, caller)
    async with app_database.read(tenant.id) as connection:
        page = await apply_query(
            connection, tenant.id, EntityType.COMPANY, query, filters.where, sorts=SORTS, id_column="c.id"
        )
        explaining = Explaining(connection)
        await queries.list_companies(explaining, caller, filters, page)

    assert len(explaining.plans) == (2 if "cf_" in page.order.name else 1)
    for plan in map(json.dumps, explaining.plans):
        assert names[key] in plan
        if "cf_" in page.order.name:
            assert '"Sort"' not in plan
