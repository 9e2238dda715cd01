"""A report of stages' ages reads sums, and the stays about its percentiles, not each stay.

It does so of stays that were written a moment ago, when the planner's statistics are of a time before them.
"""

from datetime import UTC, datetime
from typing import Final

import asyncpg
import pytest

from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stage_age.queries import measure_stays
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.people import SeededTenant
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


@pytest.mark.parametrize("who", ["admin", "rep"])
async def test_it_reads_what_lies_about_the_percentiles(
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
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin")
    scope = Scope(caller, datetime(2026, 11, 1, tzinfo=UTC), new_id(), [], "EUR", "Europe/Berlin")
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        measuring = Measuring(connection)
        [found] = await measure_stays(measuring, scope, [stage_id])
    assert (found.stay_count, found.median_s, found.p90_s) == (
        wanted["stay_count"],
        wanted["median_s"],
        wanted["p90_s"],
    )
    assert found.average_s == pytest.approx(wanted["average_s"])
    assert measuring.rows_read < STAYS / 4
    async with reporting.database.begin_as_worker() as transaction:
        for table in ("stage_stays", "stay_rollup"):  # of no deal, so that verifying must not find them
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608 - named here
