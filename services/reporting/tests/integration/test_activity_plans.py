"""No deal is held against each activity, however many deals the planner expects and however little memory it has."""

from datetime import UTC, date, datetime
from typing import Final

import pytest

from crm_reporting.reports.activity_metrics.queries import count_days, count_responses
from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.response_times.queries import measure
from crm_reporting.reports.scope import Window
from crm_reporting.settings import ReportingSettings
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.people import SeededTenant
from crm_testing.query_plans import Explaining, list_nodes, list_scans
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

BEGIN, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
WINDOW: Final = Window(date(2026, 10, 1), date(2026, 10, 31), BEGIN, END)


@pytest.mark.parametrize("who", ["admin", "manager", "rep"])
@pytest.mark.parametrize("has_shares", [False, True])
async def test_deals_are_joined_never_asked_for_one_by_one(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, who: str, *, has_shares: bool
) -> None:
    person = {"admin": tenant.admin, "manager": tenant.manager, "rep": tenant.rep}[who]
    caller = Caller(person.tenant_id, person.id, person.role, "EUR", "Europe/Berlin", has_shares=has_shares)
    scope = ActivityScope(caller, END, new_id(), [], "Europe/Berlin")
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
