"""What stood at a past moment is added up of months and days, and what changed between two is looked up by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from crm_reporting.history.forecasts import SUM_UP as SUM_UP_FORECASTS
from crm_reporting.history.sums import SUM_UP
from crm_reporting.reports.forecast.past import sum_past_months
from crm_reporting.reports.forecast.queries import MonthSum, sum_past_days
from crm_reporting.reports.movement.queries import sum_sides
from crm_reporting.reports.movement.spans import Span
from crm_reporting.reports.pipeline.queries import sum_past
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.local_days import end_of_day
from crm_testing.people import SeededTenant
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

DAYS: Final = 60
DEALS_A_DAY: Final = 100
LAST: Final = datetime(2026, 10, 20, 9, tzinfo=UTC)
# On each of some days, ten days apart, deals of two owners are created in turn. Half of them are won five days later; a
# fifth is in a currency that others' rates convert.
FACTS: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                            created_at, stage_changed_at, closed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 2, $2, $2, ($3::uuid[])[1 + n % 2], CASE WHEN is_won THEN 'WON' ELSE 'OPEN' END, 100,
           CASE WHEN n % 5 = 1 THEN 'USD' ELSE 'EUR' END, at, at, CASE WHEN is_won THEN at + interval '5 days' END,
           false
      FROM (SELECT n, $4::timestamptz - day * interval '10 days' AS at, n / 2 % 2 = 0 AS is_won
              FROM generate_series(0, $5 - 1) AS day
             CROSS JOIN generate_series(1, $6::integer) AS n) made
"""
PERIODS: Final = """
    INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at, status,
                              closed_at, amount, currency, owner_id, close_date)
    SELECT f.tenant_id, f.deal_id, p.valid_from, p.valid_to, f.pipeline_id, f.stage_id, p.valid_from, p.status,
           CASE WHEN p.status = 'WON' THEN f.closed_at END, f.amount, f.currency, f.owner_id, f.created_at::date + 60
      FROM deal_facts f
     CROSS JOIN LATERAL (VALUES ('OPEN', f.created_at, f.closed_at), ('WON', f.closed_at, NULL))
           AS p (status, valid_from, valid_to)
     WHERE f.tenant_id = $1 AND p.valid_from IS NOT NULL
"""
TABLES: Final = ("period_rollup", "forecast_rollup", "deal_periods", "deal_facts")


@pytest.fixture
async def pipeline_id(reporting: ServiceKit[ReportingSettings], tenant: SeededTenant) -> AsyncIterator[UUID]:
    pipeline_id = new_id()
    owners = [tenant.rep.id, tenant.other_rep.id]
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(FACTS, tenant.id, pipeline_id, owners, LAST, DAYS, DEALS_A_DAY)
        await transaction.execute(PERIODS, tenant.id)
        await transaction.execute("SET LOCAL enable_nestloop = off")  # statistics know nothing of these rows yet
        await transaction.execute(SUM_UP, tenant.id)
        await transaction.execute(SUM_UP_FORECASTS, tenant.id)
    owner = await asyncpg.connect(reporting.settings.owner_dsn.get_secret_value())
    await owner.execute(f"ANALYZE {', '.join(TABLES)}")
    await owner.close()
    yield pipeline_id
    async with reporting.database.begin_as_worker() as transaction:
        for table in TABLES:
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608 - named here


@asynccontextmanager
async def measuring(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline_id: UUID, who: str
) -> AsyncIterator[tuple[Measuring, Scope]]:
    person = tenant.rep if who == "rep" else tenant.admin
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")
    moment = LAST - timedelta(days=92, hours=1)
    scope = Scope(caller, LAST + timedelta(days=30), pipeline_id, [], "EUR", "Europe/Berlin", moment)
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        yield Measuring(connection), scope


@pytest.mark.parametrize(("who", "share"), [("admin", 1), ("rep", 2)])
async def test_what_stood_is_added_up_of_months_and_days(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline_id: UUID, who: str, share: int
) -> None:
    async with measuring(reporting, tenant, pipeline_id, who) as (connection, scope):
        sums, closed = await sum_past(connection, scope)
    created = (DAYS - 10) * DEALS_A_DAY // share  # of the days until then
    assert sum(found.deal_count for found in sums) == created
    assert sum(found.deal_count for found in sums if found.is_closed) == created // 2
    assert sum(found.total_amount for found in closed) == 100 * sum(
        found.deal_count for found in sums if found.is_closed and found.currency == "USD"
    )
    assert connection.rows_read < DAYS * 4 + DEALS_A_DAY * 2  # and of the day itself its deals


@pytest.mark.parametrize("who", ["admin", "rep"])
async def test_a_forecast_is_added_up_of_months_and_days(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline_id: UUID, who: str
) -> None:
    """It says what reading every deal's past does, and costs neither those nor the months that are not asked for."""
    async with measuring(reporting, tenant, pipeline_id, who) as (connection, scope):
        first, last = scope.today.replace(day=1), date(2027, 6, 30)
        begin, end = (end_of_day(day, scope.time_zone) for day in (first - timedelta(days=1), last))
        window = Window(first, last, begin, end)
        added_up = await sum_past_months(connection, scope, window)
        rows_read = connection.rows_read
        read = await sum_past_days(connection, scope, window)
    assert _by_key(added_up) == _by_key(read) != {}
    assert {found.stage_id is None for found in added_up} == {True, False}
    assert rows_read < DAYS * 4 + DEALS_A_DAY * 2


def _by_key(sums: list[MonthSum]) -> dict[tuple[object, ...], tuple[int, Decimal]]:
    """Add up by month, stage and currency: days of the same rates are told as one or each."""
    found: dict[tuple[object, ...], tuple[int, Decimal]] = {}
    for one in sums:
        key = (one.month, one.stage_id, one.currency)
        count, amount = found.get(key, (0, Decimal(0)))
        found[key] = count + one.deal_count, amount + one.amount
    return found


@pytest.mark.parametrize(("who", "share"), [("admin", 1), ("rep", 2)])
async def test_what_changed_costs_what_changed(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline_id: UUID, who: str, share: int
) -> None:
    async with measuring(reporting, tenant, pipeline_id, who) as (connection, scope):
        span = Span(scope.moment, scope.moment + timedelta(days=7))
        sides = await sum_sides(connection, scope, span, {"EUR": Decimal(1)})
    a_day = DEALS_A_DAY // share
    counts = {(side.kind, side.is_end): 0 for side in sides}
    for side in sides:
        counts[side.kind, side.is_end] += side.deal_count
    assert counts["created", True] == a_day
    assert counts["kept", False] == counts["kept", True]
    assert connection.rows_read < DAYS * 4 + DEALS_A_DAY * 12
