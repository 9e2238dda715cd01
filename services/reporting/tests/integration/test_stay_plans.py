"""A report of stages' ages reads sums, and the stays up to its percentiles, not each stay.

It does so of stays that were written a moment ago, when the planner's statistics are of a time before them.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stage_age.figures import StageStays
from crm_reporting.reports.stage_age.queries import measure_stays
from crm_reporting.settings import ReportingSettings
from crm_reporting.store import BY_KEY, RECOMPUTED_SUMS
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.people import Person, SeededTenant
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

STAYS: Final = 8_000
# From a minute to 60 days, one by one, in no order; two owners in turn.
FILL: Final = """
    INSERT INTO stage_stays (tenant_id, deal_id, version, stage_id, owner_id, lasted_s)
    SELECT $1, gen_random_uuid(), 1, $2, ($3::uuid[])[1 + number % 2], 60 + number * 7919 % $4 * 5184000.0 / $4
      FROM generate_series(0, $4 - 1) AS number
"""
SUM_UP: Final = """
    INSERT INTO stay_rollup (tenant_id, stage_id, owner_id, length_class, stay_count, total_s)
    SELECT tenant_id, stage_id, owner_id, length_class, count(*), sum(lasted_s::numeric)
      FROM stage_stays
     WHERE tenant_id = $1
     GROUP BY 1, 2, 3, 4
"""
RECOUNT: Final = """
    SELECT count(*) AS stay_count, avg(lasted_s) AS average_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted_s) AS median_s,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY lasted_s) AS p90_s
      FROM stage_stays
     WHERE tenant_id = $1 AND ($2::uuid IS NULL OR owner_id = $2)
"""
# They came into the stage one by one, in no order.
FILL_OPEN: Final = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, status, amount, currency,
                            created_at, stage_changed_at, is_deleted)
    SELECT $1, gen_random_uuid(), 1, $2, $2, ($3::uuid[])[1 + number % 2], 'OPEN', 100, 'EUR', entered_at, entered_at,
           false
      FROM (SELECT number, '2026-11-01Z'::timestamptz - interval '60 days' * (number * 7919 % $4) / $4 AS entered_at
              FROM generate_series(0, $4 - 1) AS number) AS made
"""
SUM_UP_OPEN: Final = (
    "INSERT INTO deal_rollup (tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status, deal_count,"
    " total_amount, created_epoch_s, stage_changed_epoch_s)" + RECOMPUTED_SUMS + " AND tenant_id = $1" + BY_KEY
)
RECOUNT_OPEN: Final = """
    SELECT count(*) AS stay_count, avg(lasted_s) AS average_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted_s) AS median_s,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY lasted_s) AS p90_s
      FROM (SELECT owner_id, extract(epoch FROM $3::timestamptz - stage_changed_at)::float8 AS lasted_s
              FROM deal_facts
             WHERE tenant_id = $1) AS open
     WHERE $2::uuid IS NULL OR owner_id = $2
"""
NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)


async def measure(
    reporting: ServiceKit[ReportingSettings], person: Person, pipeline_id: UUID, stage_id: UUID
) -> tuple[StageStays, int]:
    """Return what the report says to this person of the stage, and how many rows were read for it."""
    scope = Scope(to_caller(person), NOW, pipeline_id, [], "EUR", "Europe/Berlin")
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(person.tenant_id, reads_many=True) as connection,
    ):
        measuring = Measuring(connection)
        [found] = await measure_stays(measuring, scope, [stage_id])
    return found, measuring.rows_read


@pytest.mark.parametrize("who", ["admin", "rep"])
async def test_of_stays_that_ended_it_reads_what_lies_about_the_percentiles(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, who: str
) -> None:
    stage_id = new_id()
    owner = await asyncpg.connect(reporting.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE stage_stays, stay_rollup")
    await owner.close()
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, stage_id, [tenant.rep.id, tenant.other_rep.id], STAYS)
        await transaction.execute(SUM_UP, tenant.id)
        person = tenant.rep if who == "rep" else tenant.admin
        owner_id = person.id if who == "rep" else None
        wanted = await transaction.fetchrow(RECOUNT, tenant.id, owner_id)
    assert wanted is not None
    found, rows_read = await measure(reporting, person, new_id(), stage_id)
    assert (found.stay_count, found.median_s, found.p90_s) == (
        wanted["stay_count"],
        wanted["median_s"],
        wanted["p90_s"],
    )
    assert found.average_s == pytest.approx(wanted["average_s"])
    assert rows_read < STAYS / 4
    async with reporting.database.begin_as_worker() as transaction:
        for table in ("stage_stays", "stay_rollup"):  # of no deal, so that verifying must not find them
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608 - named here


@pytest.mark.parametrize("who", ["admin", "rep"])
async def test_of_open_deals_it_reads_those_that_came_before_the_percentiles(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, who: str
) -> None:
    """A tenth for the 90th percentile and a half for the median, from an index in their order, and sorts none."""
    stage_id = new_id()
    owner = await asyncpg.connect(reporting.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE deal_facts, deal_rollup")
    await owner.close()
    person = tenant.rep if who == "rep" else tenant.admin
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(FILL_OPEN, tenant.id, stage_id, [tenant.rep.id, tenant.other_rep.id], STAYS)
        await transaction.execute(SUM_UP_OPEN, tenant.id)
        wanted = await transaction.fetchrow(RECOUNT_OPEN, tenant.id, tenant.rep.id if who == "rep" else None, NOW)
    assert wanted is not None
    found, rows_read = await measure(reporting, person, stage_id, stage_id)
    assert (found.is_over, found.stay_count) == (False, wanted["stay_count"])
    assert (found.average_s, found.median_s, found.p90_s) == pytest.approx(
        (wanted["average_s"], wanted["median_s"], wanted["p90_s"])
    )
    assert rows_read < STAYS * 0.65
    async with reporting.database.begin_as_worker() as transaction:
        for table in ("deal_facts", "deal_rollup"):  # without a history, so that verifying must not find them
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608 - named here


def to_caller(person: Person) -> Caller:
    return Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")
