"""What consumers keep for reports over closed deals: why deals were lost, whence contacts came; by snapshot too."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from services.reporting.tests.integration.closed_deals import Reporting, publish_closed

from crm_reporting.consumers import keep_shares, project_deals
from crm_reporting.repairs import list_projected
from crm_reporting.settings import ReportingSettings
from crm_shared.features.replicas.owner_lists import OwnerLists
from crm_shared.features.replicas.repair import repair
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

NOON: Final = datetime(2026, 11, 10, 12, tzinfo=UTC)
FORGET_REASONS: Final = "UPDATE deal_facts SET lost_reason = NULL WHERE tenant_id = $1"
FORGET_SOURCES: Final = "UPDATE contacts SET source = NULL, is_deleted = false WHERE tenant_id = $1"
LIST_REASONS: Final = "SELECT version, lost_reason FROM deal_facts WHERE tenant_id = $1"
LIST_SOURCES: Final = "SELECT version, source, is_deleted FROM contacts WHERE tenant_id = $1"
LIST_SUMS: Final = "SELECT status, deal_count, total_amount FROM deal_rollup WHERE tenant_id = $1"


async def execute(reporting: Reporting, statement: str, tenant: SeededTenant) -> None:
    """Leave rows as the release before wrote them."""
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(statement, tenant.id)


async def read(reporting: Reporting, statement: str, tenant: SeededTenant) -> list[tuple[Any, ...]]:
    async with reporting.database.read_as_worker() as connection:
        return [tuple(row.values()) for row in await connection.fetch(statement, tenant.id)]


async def test_a_snapshot_brings_the_reason_that_was_not_kept_and_no_sum_moves(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_closed(pipeline, tenant.rep.id, NOON, to="Closed Lost", lost_reason="Price")
    await project_deals(story.events, reporting.database)
    assert await read(reporting, LIST_REASONS, tenant) == [(4, "Price")]
    sums = await read(reporting, LIST_SUMS, tenant)
    await execute(reporting, FORGET_REASONS, tenant)
    for _ in range(2):
        await project_deals([story.snapshot()], reporting.database)
        assert await read(reporting, LIST_REASONS, tenant) == [(4, "Price")]
        assert await read(reporting, LIST_SUMS, tenant) == sums
    rows = await reporting.list_rows("deal_facts", "deal_rollup")
    await project_deals([*story.events, story.snapshot()], reporting.database)
    assert await reporting.list_rows("deal_facts", "deal_rollup") == rows


async def test_a_reason_goes_with_the_loss(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_closed(pipeline, tenant.rep.id, NOON, to="Closed Lost", lost_reason="Price")
    await project_deals(story.events, reporting.database)
    await project_deals(list(story.edit(lost_reason=None)), reporting.database)
    assert await read(reporting, LIST_REASONS, tenant) == [(5, None)]
    await project_deals(story.events[:-1], reporting.database)
    assert await read(reporting, LIST_REASONS, tenant) == [(5, None)]


async def test_a_snapshot_brings_the_source_that_was_not_kept(reporting: Reporting, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, first_name="Ada", source="REFERRAL")
    await keep_shares([contact.publish()], reporting.database)
    assert await read(reporting, LIST_SOURCES, tenant) == [(1, "REFERRAL", False)]
    await execute(reporting, FORGET_SOURCES, tenant)
    await keep_shares([contact.publish("snapshot")], reporting.database)
    assert await read(reporting, LIST_SOURCES, tenant) == [(1, "REFERRAL", False)]
    rows = await reporting.list_rows("contacts", "contact_shares")
    await keep_shares([contact.publish(), contact.publish("snapshot")], reporting.database)
    assert await reporting.list_rows("contacts", "contact_shares") == rows


async def test_a_source_outlives_deletion_and_not_erasure(reporting: Reporting, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, first_name="Ada", source="REFERRAL")
    await keep_shares([contact.publish(), contact.delete()], reporting.database)
    assert await read(reporting, LIST_SOURCES, tenant) == [(2, "REFERRAL", True)]
    await keep_shares([contact.erase()], reporting.database)
    assert await read(reporting, LIST_SOURCES, tenant) == [(3, None, True)]


async def test_repair_mends_sources_and_leaves_the_bin_alone(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, tmp_path: Path
) -> None:
    stray, changed, binned = (
        PublishedRecord.new("contact", tenant.id, first_name=name, source="REFERRAL") for name in ("Ada", "Bea", "Cleo")
    )
    await keep_shares([stray.publish(), changed.publish(), binned.publish(), binned.delete()], reporting.database)
    changed.change(source="INBOUND")
    owners = OwnerStandIn()
    owners.know_caller(tenant, "ADMIN")
    owners.have(changed)
    (tmp_path / "token").write_text("token")

    async with OwnerLists(reporting.settings, tmp_path / "token", transport=owners.transport) as lists:
        for expected in (2, 0):
            found = await repair(
                reporting.database,
                list_projected(reporting.database),
                lists,
                tenant_id=tenant.id,
                heal=True,
                progress=print,
                settle_s=0,
            )
            assert found.count == expected

    rows = await read(reporting, LIST_SOURCES, tenant)
    assert sorted(rows, key=str) == [(2, "INBOUND", False), (2, "REFERRAL", True), (2, None, True)]
