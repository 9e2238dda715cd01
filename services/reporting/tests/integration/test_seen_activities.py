"""Who does not see all has activities looked up that they see, whatever a tenant's others did."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest
from services.reporting.tests.integration.conftest import MIGRATIONS
from services.reporting.tests.integration.mail_stories import Reporting

from crm_reporting.app import make_app
from crm_reporting.emails.recount import relink_emails
from crm_reporting.replica.sources import ReportSource
from crm_reporting.reports.activity_metrics.days import count_days
from crm_reporting.reports.activity_metrics.queries import count_responses
from crm_reporting.reports.activity_visibility import ActivityScope, open_activity_scope
from crm_reporting.reports.response_times.queries import measure
from crm_reporting.reports.schemas import WindowQuery
from crm_reporting.reports.scope import Window
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller, Role
from crm_shared.database import Database
from crm_testing.people import Person, SeededTenant, make_person, seed_people
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import running_service
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

WINDOW: Final = Window(
    date(2026, 10, 1), date(2026, 10, 31), datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
)
OF_OTHERS, OF_REP, RECORDS = 12_000, 60, 40
"""Activities of colleagues, of the rep, and contacts and deals of each of these two."""
OF_NEIGHBOURS: Final = 4_000
"""Contacts, and deals, of another tenant: a table of a page or two would be read whole, whatever is sought in it."""
COLLEAGUES: Final = 6
OF_MANAGER: Final = 20_000
"""Contacts, and deals, that the manager owns and nobody did anything with."""
AT_MOST: Final = 10
"""How often a row of what is seen may be read: by user, by contact, by deal, each for itself and once for all."""

# Contacts and deals that are $2's, and what $3, or one of many, did with them, all of October.
RECORDS_OF: Final = """
    INSERT INTO contacts (tenant_id, id, version, owner_id, is_deleted)
    SELECT $1, md5($2::uuid::text || n)::uuid, 1, $2, false FROM generate_series(1, $3::integer) AS n
"""
DEALS_OF: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, currency, created_at,
                            stage_changed_at, is_deleted)
    SELECT $1, md5($2::uuid::text || 'deal' || n)::uuid, 1, $1, $1, $2, 'OPEN', 'EUR', now(), now(), false
      FROM generate_series(1, $3::integer) AS n
"""
ACTIVITIES_OF: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, deal_id, direction,
                                occurred_at, completed_at, thread_id, reference_keys, is_automatic, is_system,
                                is_deleted)
    SELECT $1, gen_random_uuid(), 1, (ARRAY['EMAIL', 'TASK', 'EMAIL', 'CALL'])[1 + n % 4],
           COALESCE($3, md5('colleague' || n % 60)::uuid),
           ARRAY[md5($2::uuid::text || 1 + n % $4)::uuid], md5($2::uuid::text || 'deal' || 1 + n % $4)::uuid,
           (ARRAY['OUTBOUND', NULL, 'INBOUND', NULL])[1 + n % 4], at, CASE WHEN n % 4 = 1 THEN at END,
           md5($2::uuid::text || 'thread' || n / 8)::uuid, '{}', false, false, false
      FROM (SELECT n, '2026-10-01Z'::timestamptz + n * interval '31 days' / $5 AS at
              FROM generate_series(0, $5::integer - 1) AS n) AS made
"""
TABLES: Final = ("activity_facts", "contacts", "deal_facts", "email_contacts", "visible_owners")


@asynccontextmanager
async def opening_office(postgres_admin_dsn: str) -> AsyncIterator[tuple[Reporting, SeededTenant]]:
    """Run the service on a database of its own: colleagues did two hundred times as much as the manager's rep."""
    async with running_service(
        ReportingSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, kafka_bootstrap="127.0.0.1:9"
    ) as kit:
        tenant = await kit.seed_tenant()
        rep, other = tenant.rep.id, tenant.other_rep.id
        async with kit.database.begin_as_worker() as transaction:
            for owner_id in (rep, other):
                await transaction.execute(RECORDS_OF, tenant.id, owner_id, RECORDS)
                await transaction.execute(DEALS_OF, tenant.id, owner_id, RECORDS)
            for owner_id, user_id, count in ((rep, rep, OF_REP), (rep, other, OF_REP), (other, None, OF_OTHERS)):
                await transaction.execute(ACTIVITIES_OF, tenant.id, owner_id, user_id, RECORDS, count)
            neighbours = await kit.seed_tenant()
            for statement in (RECORDS_OF, DEALS_OF):
                await transaction.execute(statement, neighbours.id, neighbours.rep.id, OF_NEIGHBOURS)
            await relink_emails(transaction)
        yield kit, tenant


@pytest.fixture(scope="module")
async def office(postgres_admin_dsn: str) -> AsyncIterator[tuple[Reporting, SeededTenant]]:
    async with opening_office(postgres_admin_dsn) as opened:
        yield opened


@pytest.fixture
async def crowded_office(postgres_admin_dsn: str) -> AsyncIterator[tuple[Reporting, SeededTenant]]:
    """Open an office of the test's own: whose manager has many records that the others' plans must not know of."""
    async with opening_office(postgres_admin_dsn) as (kit, tenant):
        async with kit.database.begin_as_worker() as transaction:
            for statement in (RECORDS_OF, DEALS_OF):
                await transaction.execute(statement, tenant.id, tenant.manager.id, OF_MANAGER)
        await vacuum(kit.settings.owner_dsn.get_secret_value(), *TABLES)
        yield kit, tenant


async def measure_all(kit: Reporting, person: Person, **asked: Any) -> tuple[int, list[int]]:
    """Return how many rows the reports read, and how many items each gives."""
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "UTC")
    scope = replace(ActivityScope(caller, WINDOW.end, None, [], "UTC"), **asked)
    async with (
        Database.opened(kit.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(person.tenant_id, reads_many=True) as connection,
    ):
        measuring = Measuring(connection)
        reports = [await read(measuring, scope, WINDOW) for read in (count_days, count_responses, measure)]
    return measuring.rows_read, [len(report) for report in reports]


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown to the planner", "analysed"])
@pytest.mark.parametrize("who", ["rep", "manager"])
async def test_what_others_did_is_not_gone_through(
    office: tuple[Reporting, SeededTenant], who: str, *, is_known: bool
) -> None:
    kit, tenant = office
    if is_known:
        await vacuum(kit.settings.owner_dsn.get_secret_value(), *TABLES)
    rows_read, found = await measure_all(kit, {"rep": tenant.rep, "manager": tenant.manager}[who])
    assert found == [31 * 2, 2, 2]
    reports, seen = 4, 2 * OF_REP + 2 * RECORDS  # one looks twice: at what was sent, and at what came
    assert rows_read < AT_MOST * reports * seen < OF_OTHERS


@pytest.mark.parametrize("is_brief", [False, True])
async def test_all_is_gone_through_once_for_whose_people_are_many(
    office: tuple[Reporting, SeededTenant], *, is_brief: bool
) -> None:
    """Response times hold each message that another replied to against what is seen: here that is each there is.

    In a brief window activity metrics go through its activities once more, for the contacts and deals that they name.
    """
    kit, tenant = office
    await vacuum(kit.settings.owner_dsn.get_secret_value(), *TABLES)  # else it is left to the order of these tests
    rows_read, found = await measure_all(kit, tenant.manager, sees_little=False, is_brief=is_brief)
    assert found == [31 * 2, 2, 2]
    assert OF_OTHERS < rows_read < (7 if is_brief else 5) * OF_OTHERS


async def test_a_brief_window_asks_for_no_record_that_it_does_not_name(
    crowded_office: tuple[Reporting, SeededTenant],
) -> None:
    """The manager's many contacts and deals are read where a long window is asked about, and only there."""
    kit, tenant = crowded_office
    caller = Caller(tenant.id, tenant.manager.id, tenant.manager.role, "EUR", "UTC")
    rows_read = {}
    async with (
        Database.opened(kit.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        for is_brief in (False, True):
            scope = ActivityScope(caller, WINDOW.end, None, [], "UTC", sees_little=False, is_brief=is_brief)
            measuring = Measuring(connection)
            await count_days(measuring, scope, WINDOW)
            rows_read[is_brief] = measuring.rows_read
    assert rows_read[False] > OF_OTHERS + 2 * OF_MANAGER
    assert rows_read[True] < 3 * OF_OTHERS


async def ask_scope(kit: Reporting, person: Person, **asked: date) -> ActivityScope:
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "UTC")
    async with Database.opened(kit.settings.dsn.get_secret_value(), max_size=1) as database:
        source = ReportSource(database, "primary")
        query = WindowQuery.model_validate(asked)
        async with open_activity_scope(source, caller, query, now=WINDOW.end) as (_, scope, _):
            return scope


async def test_a_quarter_is_brief_a_year_is_not(reporting: Reporting, tenant: SeededTenant) -> None:
    asked = {"from": date(2026, 7, 1), "to": date(2026, 9, 30)}
    assert (await ask_scope(reporting, tenant.manager)).is_brief
    assert (await ask_scope(reporting, tenant.manager, **asked)).is_brief
    assert not (await ask_scope(reporting, tenant.manager, **{**asked, "from": date(2025, 10, 1)})).is_brief


async def test_one_of_ten_is_few(reporting: Reporting, tenant: SeededTenant) -> None:
    """The manager has one of the tenant's people, at first of four; the rep has their own alone."""
    assert not (await ask_scope(reporting, tenant.manager)).sees_little
    assert (await ask_scope(reporting, tenant.rep)).sees_little
    colleagues = [make_person(tenant.id, f"Rep {number}", Role.REP) for number in range(COLLEAGUES)]
    await seed_people(reporting.database, colleagues)
    assert (await ask_scope(reporting, tenant.manager)).sees_little
