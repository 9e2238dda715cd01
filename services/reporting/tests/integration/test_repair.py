"""What reports count is compared with the deals that there are."""

from pathlib import Path

from crm_reporting.consumers import keep_activities, keep_shares, project_deals
from crm_reporting.repairs import list_projected
from crm_reporting.settings import ReportingSettings
from crm_shared.features.replicas.owner_lists import OwnerLists
from crm_shared.features.replicas.repair import repair
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.owners import OwnerStandIn, path_of
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

COUNTED = "SELECT activity_id, type FROM activity_facts WHERE tenant_id = $1 AND counts"
SUMS = "SELECT deal_count FROM deal_rollup WHERE tenant_id = $1"


async def test_what_is_gone_or_behind_is_brought_in_line(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline: PublishedPipeline, tmp_path: Path
) -> None:
    kept, gone = DealStory(pipeline, tenant.rep.id), DealStory(pipeline, tenant.rep.id)
    share = {"user_id": tenant.rep.id, "permission": "READ"}
    contact = PublishedRecord.new("contact", tenant.id, first_name="Ada", shares=[share])
    await project_deals([*kept.create(), *gone.create()], reporting.database)
    await keep_shares([contact.publish()], reporting.database)
    calls = [PublishedRecord.new("activity", tenant.id, type="CALL", user_id=tenant.rep.id) for _ in range(3)]
    note = PublishedRecord.new("activity", tenant.id, system=True)
    await keep_activities([*(call.publish() for call in calls), note.publish()], reporting.database)
    calls[1].change(type="MEETING")
    owners = OwnerStandIn()
    owners.know_caller(tenant, "ADMIN")
    owners.have(*calls[:2])
    owners.records[path_of("deal", kept.id)] = kept.snapshot().state
    (tmp_path / "token").write_text("token")

    async with OwnerLists(reporting.settings, tmp_path / "token", transport=owners.transport) as lists:
        for expected in (4, 0):
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
    async with reporting.database.read_as_worker() as connection:
        assert [row["deal_count"] for row in await connection.fetch(SUMS, tenant.id)] == [1]
        rows = await connection.fetch(COUNTED, tenant.id)
    assert {row["activity_id"]: row["type"] for row in rows} == {calls[0].id: "CALL", calls[1].id: "MEETING"}
