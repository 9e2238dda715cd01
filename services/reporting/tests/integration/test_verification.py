"""`crm-reporting verify`: silent while all is well, and it sees a sum, a missing row and a period that are wrong."""

from decimal import Decimal

import pytest

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.settings import ReportingSettings
from crm_reporting.verification import DIFFERENCES, Difference, find_differences, watch_differences
from crm_shared.testing.deal_stories import DealStory, ToldPipeline
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]


async def find(reporting: Reporting, tenant: SeededTenant) -> list[Difference]:
    async with reporting.database.read_as_worker() as connection:
        return await find_differences(connection, tenant.id)


async def execute(reporting: Reporting, statement: str, tenant: SeededTenant) -> None:
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(statement, tenant.id)


@pytest.fixture
async def told(reporting: Reporting, tenant: SeededTenant, pipeline: ToldPipeline) -> list[DealStory]:
    stories = [DealStory(pipeline, tenant.rep.id, Decimal(number), close_date=None) for number in range(4)]
    for story in stories:
        story.create()
        story.move("Discovery")
    stories[0].delete()
    stories[1].move("Closed Won")
    stories[1].edit(amount=None)
    await project_deals([event for story in stories for event in story.events], reporting.database)
    return stories


async def test_what_is_right_differs_in_nothing(
    reporting: Reporting, tenant: SeededTenant, told: list[DealStory]
) -> None:
    assert len(told) == 4
    assert await find(reporting, tenant) == []


@pytest.mark.parametrize(
    ("statement", "table", "row_count"),
    [
        ("UPDATE deal_rollup SET total_amount = total_amount + 1 WHERE tenant_id = $1 AND status = 'WON'", "rollup", 1),
        ("DELETE FROM deal_rollup WHERE tenant_id = $1 AND status = 'OPEN'", "rollup", 1),
        ("UPDATE deal_rollup SET stage_id = tenant_id WHERE tenant_id = $1 AND status = 'WON'", "rollup", 2),
        ("DELETE FROM deal_periods WHERE tenant_id = $1 AND valid_to IS NULL", "periods", 3),
        (
            "UPDATE deal_periods SET amount = 7 WHERE tenant_id = $1 AND valid_to IS NULL AND amount = 2",
            "periods",
            1,
        ),
        ("UPDATE deal_periods SET owner_id = NULL WHERE tenant_id = $1 AND valid_to IS NULL", "periods", 3),
    ],
)
async def test_what_is_wrong_is_seen(
    reporting: Reporting, tenant: SeededTenant, told: list[DealStory], statement: str, table: str, row_count: int
) -> None:
    await execute(reporting, statement, tenant)
    assert await find(reporting, tenant) == [Difference(tenant.id, f"deal_{table}", row_count)]
    strangers = await reporting.seed_tenant()
    assert await find(reporting, strangers) == []

    # And made whole again, as no other test's look is to find it.
    await execute(reporting, "DELETE FROM deal_rollup WHERE tenant_id = $1", tenant)
    for kept in ("deal_facts", "deal_versions", "deal_periods"):
        await execute(reporting, f"DELETE FROM {kept} WHERE tenant_id = $1", tenant)  # noqa: S608 - our own names
    await project_deals([story.snapshot() for story in told], reporting.database)
    assert await find(reporting, tenant) == []


async def test_a_deal_whose_history_nobody_told_is_seen(reporting: Reporting, tenant: SeededTenant) -> None:
    pipeline = ToldPipeline.sales(tenant.id)
    await keep_pipelines([pipeline.tell()], reporting.database)
    story = DealStory(pipeline, tenant.rep.id)
    story.create()
    await project_deals(story.events, reporting.database)
    await execute(reporting, "DELETE FROM deal_versions WHERE tenant_id = $1", tenant)
    await execute(reporting, "DELETE FROM deal_periods WHERE tenant_id = $1", tenant)
    assert [one.table for one in await find(reporting, tenant)] == ["deal_periods"]
    await project_deals([story.snapshot()], reporting.database)
    assert await find(reporting, tenant) == []


async def test_the_metric_counts_over_all_tenants(
    reporting: Reporting, tenant: SeededTenant, told: list[DealStory]
) -> None:
    await watch_differences(reporting.settings.worker_dsn.get_secret_value())
    before = {table: DIFFERENCES.labels(table)._value.get() for table in ("deal_rollup", "deal_periods")}  # noqa: SLF001
    await execute(reporting, "UPDATE deal_periods SET currency = 'XXX' WHERE tenant_id = $1", tenant)
    await watch_differences(reporting.settings.worker_dsn.get_secret_value())
    assert DIFFERENCES.labels("deal_periods")._value.get() == before["deal_periods"] + 3  # noqa: SLF001
    assert DIFFERENCES.labels("deal_rollup")._value.get() == before["deal_rollup"]  # noqa: SLF001
    await execute(reporting, "DELETE FROM deal_versions WHERE tenant_id = $1", tenant)
    await project_deals([story.snapshot() for story in told], reporting.database)
    assert await find(reporting, tenant) == []
