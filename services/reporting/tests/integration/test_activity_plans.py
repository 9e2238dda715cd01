"""What reports over activities read: days' sums and the edges of days, and no deal for each activity."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from crm_reporting.activities.sums import recount_days
from crm_reporting.reports.activity_metrics.days import count_days
from crm_reporting.reports.activity_metrics.queries import count_responses
from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.response_times.queries import measure
from crm_reporting.reports.scope import Window
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.local_days import end_of_day
from crm_testing.people import SeededTenant
from crm_testing.query_plans import Explaining, Measuring, list_nodes, list_scans
from crm_testing.service_kit import ServiceKit
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

BEGIN, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
WINDOW: Final = Window(date(2026, 10, 1), date(2026, 10, 31), BEGIN, END)


@pytest.mark.parametrize("who", ["admin", "manager", "rep"])
@pytest.mark.parametrize("has_shares", [False, True])
@pytest.mark.parametrize("sees_little", [False, True])
async def test_deals_are_joined_never_asked_for_one_by_one(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, who: str, *, has_shares: bool, sees_little: bool
) -> None:
    person = {"admin": tenant.admin, "manager": tenant.manager, "rep": tenant.rep}[who]
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin", has_shares=has_shares)
    scope = ActivityScope(caller, END, new_id(), [], "Europe/Berlin", sees_little)
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        await connection.execute("SET LOCAL work_mem = '64kB'")
        explaining = Explaining(connection)
        for read in (count_days, count_responses, measure):
            await read(explaining, scope, WINDOW)
    assert len(explaining.plans) == 3
    for plan in explaining.plans:
        asked = [node for node in list_nodes(plan) if node.get("Parent Relationship") == "SubPlan"]
        assert not {name for node in asked for _, name in list_scans(node) if name.startswith("deal_facts")}


async def count_tenants(reporting: ServiceKit[ReportingSettings]) -> int:
    async with reporting.database.read_as_worker() as connection:
        count: int = await connection.fetchval("SELECT count(DISTINCT tenant_id) FROM activity_rollup")
    return count


BUSY: Final = 12_000
FILL_OCTOBER: Final = """
    INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, occurred_at, completed_at,
                                reference_keys, is_automatic, is_system, is_deleted)
    SELECT $1, gen_random_uuid(), 1, (ARRAY['CALL', 'EMAIL', 'MEETING', 'NOTE', 'TASK'])[1 + number % 5],
           ($2::uuid[])[1 + number % cardinality($2::uuid[])], '{}', at, CASE WHEN number % 5 = 4 THEN at END, '{}',
           false, false, false
      FROM (SELECT number, '2026-10-01Z'::timestamptz + number * interval '31 days' / $3 AS at
              FROM generate_series(0, $3 - 1) AS number) AS made
"""


@pytest.mark.parametrize(
    ("time_zone", "edge_hours"),
    [("UTC", 0), ("Europe/Berlin", 2), ("Asia/Kathmandu", 5.75), ("America/New_York", 4), ("Pacific/Auckland", 11)],
)
async def test_what_was_done_is_added_up_from_days_not_from_activities(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, time_zone: str, edge_hours: float
) -> None:
    """Beside the days' sums it reads facts between midnights of the zone and of UTC."""
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(FILL_OCTOBER, tenant.id, [person.id for person in tenant.people], BUSY)
        await recount_days(transaction)
    await vacuum(reporting.settings.owner_dsn.get_secret_value(), "activity_facts", "activity_rollup")
    caller = Caller(tenant.id, tenant.admin.id, tenant.admin.role, "EUR", time_zone)
    first, last = WINDOW.first_day, WINDOW.last_day
    window = Window(first, last, end_of_day(first - timedelta(days=1), time_zone), end_of_day(last, time_zone))
    async with (
        Database.opened(reporting.settings.dsn.get_secret_value(), max_size=1) as database,
        database.snapshot(tenant.id, reads_many=True) as connection,
    ):
        measuring = Measuring(connection)
        days = await count_days(measuring, ActivityScope(caller, END, None, [], time_zone), window)
    assert sum(day["calls"] + day["emails"] for day in days) > BUSY * 0.38
    at_edges, of_days = BUSY * edge_hours / 24 * 1.25, 33 * len(tenant.people)  # tasks are passed over, then read
    tenants = await count_tenants(reporting)  # so few sums are read from end to end, twice
    assert measuring.rows_read < at_edges + 2 * of_days * tenants
