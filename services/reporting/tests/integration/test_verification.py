"""`crm-reporting verify`: silent while all is well, and it sees a sum, a missing row and a period that are wrong."""

from decimal import Decimal
from typing import Final

import pytest
from services.reporting.tests.integration.mail_stories import Mailbox
from typer.testing import CliRunner

from crm_reporting.activities.sums import recount_days
from crm_reporting.cli import main
from crm_reporting.closings.losses import recount_losses
from crm_reporting.consumers import keep_activities, keep_pipelines, project_deals
from crm_reporting.emails.recount import relink_emails
from crm_reporting.settings import ReportingSettings
from crm_reporting.verification import DIFFERENCES, REMEDIES, Difference, find_differences, make_turn, watch_differences
from crm_reporting.wins.store import remake_wins
from crm_shared.clock import new_id
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]


async def find(reporting: Reporting, tenant: SeededTenant) -> list[Difference]:
    async with reporting.database.read_as_worker() as connection:
        return await find_differences(connection, tenant.id)


async def execute(reporting: Reporting, statement: str, tenant: SeededTenant) -> None:
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(statement, tenant.id)


async def log_call(reporting: Reporting, tenant: SeededTenant) -> PublishedRecord:
    called = PublishedRecord.new("activity", tenant.id, type="CALL", user_id=tenant.rep.id)
    await keep_activities([called.publish()], reporting.database)
    return called


SUMS: Final = ("deal_rollup", "closing_rollup", "period_rollup", "forecast_rollup", "stage_stays", "stay_rollup")


@pytest.fixture
async def stories(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> list[DealStory]:
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
    reporting: Reporting, tenant: SeededTenant, stories: list[DealStory]
) -> None:
    assert len(stories) == 4
    assert await find(reporting, tenant) == []


@pytest.mark.parametrize(
    ("statement", "table", "row_count"),
    [
        (
            "UPDATE deal_rollup SET total_amount = total_amount + 1 WHERE tenant_id = $1 AND status = 'WON'",
            "deal_rollup",
            1,
        ),
        ("DELETE FROM deal_rollup WHERE tenant_id = $1 AND status = 'OPEN'", "deal_rollup", 1),
        ("UPDATE deal_rollup SET stage_id = tenant_id WHERE tenant_id = $1 AND status = 'WON'", "deal_rollup", 2),
        ("UPDATE closing_rollup SET valued_count = 7 WHERE tenant_id = $1 AND is_of_all", "closing_rollup", 1),
        ("DELETE FROM closing_rollup WHERE tenant_id = $1", "closing_rollup", 2),
        ("UPDATE closing_rollup SET closed_day = '2026-01-01' WHERE tenant_id = $1", "closing_rollup", 4),
        (
            """UPDATE stay_rollup SET total_s = total_s + 1
                WHERE tenant_id = $1
                  AND stage_id IN (SELECT stage_id FROM stage_stays WHERE tenant_id = $1 AND version = 2)""",
            "stay_rollup",
            1,
        ),
        (
            "UPDATE period_rollup SET valued_count = 7 WHERE tenant_id = $1 AND is_of_all AND is_month AND is_open",
            "period_rollup",
            1,
        ),
        ("DELETE FROM period_rollup WHERE tenant_id = $1 AND NOT is_open AND is_of_all", "period_rollup", 2),
        ("UPDATE forecast_rollup SET total_amount = 7 WHERE tenant_id = $1 AND is_of_all", "forecast_rollup", 2),
        ("DELETE FROM forecast_rollup WHERE tenant_id = $1 AND NOT is_of_all", "forecast_rollup", 2),
        ("UPDATE stage_conversions SET owner_id = tenant_id WHERE tenant_id = $1", "stage_conversions", 12),
    ],
)
async def test_what_is_wrong_is_seen(
    reporting: Reporting, tenant: SeededTenant, stories: list[DealStory], statement: str, table: str, row_count: int
) -> None:
    await execute(reporting, statement, tenant)
    assert await find(reporting, tenant) == [Difference(tenant.id, table, row_count)]
    strangers = await reporting.seed_tenant()
    assert await find(reporting, strangers) == []

    await publish_anew(reporting, tenant, stories)


@pytest.mark.parametrize(
    ("statement", "row_count"),
    [
        ("DELETE FROM deal_periods WHERE tenant_id = $1 AND valid_to IS NULL", 3),
        ("UPDATE deal_periods SET amount = 7 WHERE tenant_id = $1 AND valid_to IS NULL AND amount = 2", 1),
        ("UPDATE deal_periods SET owner_id = NULL WHERE tenant_id = $1 AND valid_to IS NULL", 3),
    ],
)
async def test_a_period_that_is_wrong_is_seen_and_its_sums_with_it(
    reporting: Reporting, tenant: SeededTenant, stories: list[DealStory], statement: str, row_count: int
) -> None:
    await execute(reporting, statement, tenant)
    [periods, *made] = await find(reporting, tenant)
    assert periods == Difference(tenant.id, "deal_periods", row_count)
    assert {one.table for one in made} - {"handed_over_wins", "forecast_rollup"} == {"period_rollup"}
    await publish_anew(reporting, tenant, stories)


async def publish_anew(reporting: Reporting, tenant: SeededTenant, stories: list[DealStory]) -> None:
    """Make it whole again, as no other test's look is to find it."""
    for kept in (*SUMS, "deal_facts", "deal_versions", "deal_periods"):
        await execute(reporting, f"DELETE FROM {kept} WHERE tenant_id = $1", tenant)  # noqa: S608 - our own names
    await project_deals([story.snapshot() for story in stories], reporting.database)
    assert await find(reporting, tenant) == []


@pytest.mark.parametrize(
    ("statement", "row_count"),
    [
        ("UPDATE activity_rollup SET calls = 2 WHERE tenant_id = $1", 1),
        ("UPDATE activity_rollup SET done_day = '2026-01-01' WHERE tenant_id = $1", 2),
        ("DELETE FROM activity_rollup WHERE tenant_id = $1", 1),
    ],
)
async def test_a_sum_of_activities_that_is_wrong_is_seen_and_made_anew(
    reporting: Reporting, tenant: SeededTenant, statement: str, row_count: int
) -> None:
    await log_call(reporting, tenant)
    assert await find(reporting, tenant) == []
    await execute(reporting, statement, tenant)
    assert await find(reporting, tenant) == [Difference(tenant.id, "activity_rollup", row_count)]
    async with reporting.database.begin_as_worker() as transaction:
        await recount_days(transaction)
    assert await find(reporting, tenant) == []


@pytest.mark.parametrize(
    ("statement", "table", "row_count"),
    [
        ("DELETE FROM email_contacts WHERE tenant_id = $1 AND is_received", "email_contacts", 1),
        ("UPDATE received_emails SET reply_id = NULL WHERE tenant_id = $1", "received_emails", 1),
        ("UPDATE received_emails SET reply_user_id = NULL WHERE tenant_id = $1", "received_emails", 1),
        ("UPDATE received_emails SET is_seen_alike = false WHERE tenant_id = $1", "received_emails", 1),
        ("UPDATE sent_emails SET block_began_at = sent_at WHERE tenant_id = $1", "sent_emails", 1),
        ("DELETE FROM sent_emails WHERE tenant_id = $1", "sent_emails", 1),
    ],
)
async def test_a_link_of_emails_that_is_wrong_is_seen_and_made_anew(
    reporting: Reporting, mailbox: Mailbox, statement: str, table: str, row_count: int
) -> None:
    tenant = mailbox.tenant
    for direction, hours in (("INBOUND", 0), ("OUTBOUND", 1)):
        await mailbox.log(direction, hours)
    assert await find(reporting, tenant) == []
    await execute(reporting, statement, tenant)
    assert await find(reporting, tenant) == [Difference(tenant.id, table, row_count)]
    async with reporting.database.begin_as_worker() as transaction:
        await relink_emails(transaction)
    assert await find(reporting, tenant) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE handed_over_wins SET winner_id = owner_id WHERE tenant_id = $1",
        "DELETE FROM handed_over_wins WHERE tenant_id = $1",
    ],
)
async def test_a_win_of_another_that_is_wrong_is_seen_and_made_anew(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, statement: str
) -> None:
    story = DealStory(pipeline, tenant.rep.id, Decimal(7))
    story.create()
    story.move("Closed Won")
    story.edit(owner_id=tenant.other_rep.id)
    await project_deals(story.events, reporting.database)
    assert await find(reporting, tenant) == []
    await execute(reporting, statement, tenant)
    assert await find(reporting, tenant) == [Difference(tenant.id, "handed_over_wins", 1)]
    async with reporting.database.begin_as_worker() as transaction:
        await remake_wins(transaction)
    assert await find(reporting, tenant) == []


@pytest.mark.parametrize(
    ("statement", "row_count"),
    [
        ("UPDATE loss_rollup SET deal_count = 7 WHERE tenant_id = $1 AND is_of_all", 1),
        ("UPDATE loss_rollup SET lost_reason = 'Time' WHERE tenant_id = $1", 4),
        ("DELETE FROM loss_rollup WHERE tenant_id = $1", 2),
    ],
)
async def test_a_sum_of_losses_that_is_wrong_is_seen_and_made_anew(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, statement: str, row_count: int
) -> None:
    story = DealStory(pipeline, tenant.rep.id, Decimal(7))
    story.create()
    story.move("Closed Lost")
    story.edit(lost_reason="Price")
    await project_deals(story.events, reporting.database)
    assert await find(reporting, tenant) == []
    await execute(reporting, statement, tenant)
    assert await find(reporting, tenant) == [Difference(tenant.id, "loss_rollup", row_count)]
    async with reporting.database.begin_as_worker() as transaction:
        await recount_losses(transaction)
    assert await find(reporting, tenant) == []


async def test_a_stay_that_is_wrong_is_seen_and_its_sum_with_it(
    reporting: Reporting, tenant: SeededTenant, stories: list[DealStory]
) -> None:
    await execute(reporting, "UPDATE stage_stays SET owner_id = NULL WHERE tenant_id = $1 AND version = 2", tenant)
    assert [one.table for one in await find(reporting, tenant)] == ["stage_stays", "stay_rollup"]
    for kept in ("stage_stays", "stay_rollup"):
        await execute(reporting, f"DELETE FROM {kept} WHERE tenant_id = $1", tenant)  # noqa: S608 - our own names
    await project_deals([story.snapshot() for story in stories], reporting.database)
    assert await find(reporting, tenant) == []


async def test_a_deal_whose_history_nobody_told_is_seen(reporting: Reporting, tenant: SeededTenant) -> None:
    pipeline = PublishedPipeline.sales(tenant.id)
    await keep_pipelines([pipeline.publish()], reporting.database)
    story = DealStory(pipeline, tenant.rep.id)
    story.create()
    await project_deals(story.events, reporting.database)
    await execute(reporting, "DELETE FROM deal_versions WHERE tenant_id = $1", tenant)
    for kept in ("deal_periods", "period_rollup", "forecast_rollup"):
        await execute(reporting, f"DELETE FROM {kept} WHERE tenant_id = $1", tenant)  # noqa: S608 - our own names
    assert [one.table for one in await find(reporting, tenant)] == ["deal_periods"]
    await project_deals([story.snapshot()], reporting.database)
    assert await find(reporting, tenant) == []


def read_metric(table: str) -> float:
    value: float = DIFFERENCES.labels(table)._value.get()  # noqa: SLF001
    return value


async def test_the_metric_counts_over_all_tenants(
    reporting: Reporting, tenant: SeededTenant, stories: list[DealStory]
) -> None:
    async with make_turn(reporting.settings.worker_dsn.get_secret_value()) as turn:
        await turn.take()
        await watch_differences(turn)
        before = {table: read_metric(table) for table in ("deal_rollup", "deal_periods")}
        await execute(reporting, "UPDATE deal_periods SET currency = 'XXX' WHERE tenant_id = $1", tenant)
        await watch_differences(turn)
    assert read_metric("deal_periods") == before["deal_periods"] + 3
    assert read_metric("deal_rollup") == before["deal_rollup"]
    await publish_anew(reporting, tenant, stories)


async def test_of_many_workers_one_looks_and_none_at_its_start(reporting: Reporting) -> None:
    dsn = reporting.settings.worker_dsn.get_secret_value()
    DIFFERENCES.clear()
    async with make_turn(dsn) as first, make_turn(dsn) as second:
        for turn in (first, second, second):
            await watch_differences(turn)
        assert next(iter(DIFFERENCES.collect())).samples == []
        await watch_differences(first)
        assert {sample.labels["table"] for sample in next(iter(DIFFERENCES.collect())).samples} == set(REMEDIES)
        await first.leave()
        await watch_differences(second)
        assert second.is_held


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_the_commands_know_no_tenant_that_reporting_does_not(
    reporting: Reporting, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CRM_REPORTING_WORKER_DSN", reporting.settings.worker_dsn.get_secret_value())
    unknown = new_id()
    answer = CliRunner().invoke(main, [command, "--tenant", str(unknown)])
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert f"nothing is known here of tenant {unknown}" in answer.stderr


def test_the_command_says_that_all_is_well(
    reporting: Reporting, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_REPORTING_WORKER_DSN", reporting.settings.worker_dsn.get_secret_value())
    command = ["verify", "--tenant", str(tenant.id)]
    answer = CliRunner().invoke(main, command)
    assert (answer.exit_code, answer.output) == (0, "sums and periods are what deals and activities say\n")
