"""What deals keeps of others' records is compared with their owners."""

from pathlib import Path

from services.deals.tests.integration.sales import Sales

from crm_deals.consumers import keep_activity_times, keep_replicas
from crm_deals.repairs import list_projected
from crm_shared.features.replicas.owner_lists import OwnerLists
from crm_shared.features.replicas.repair import repair
from crm_testing.owners import OwnerStandIn
from crm_testing.published_records import PublishedRecord

FIND_GONE = "SELECT id FROM replica_records WHERE tenant_id = $1 AND is_deleted"
COUNTING = "SELECT count(*) FROM deal_activities WHERE tenant_id = $1 AND counts"


async def test_replicas_and_times_of_what_is_gone_are_taken_away(sales: Sales, tmp_path: Path) -> None:
    tenant, database = sales.tenant, sales.kit.database
    deal = await sales.create()
    kept, gone = (PublishedRecord.new("contact", tenant.id, first_name="Ada") for _ in range(2))
    merged = PublishedRecord.new("contact", tenant.id, first_name="Ada", merged_into=kept.id)
    company = PublishedRecord.new("company", tenant.id)
    call = PublishedRecord.new("activity", tenant.id, deal_id=deal["id"], type="CALL")
    await keep_replicas([record.publish() for record in (kept, gone, merged, company)], database)
    await keep_activity_times([call.publish()], database)
    owners = OwnerStandIn()
    owners.know_caller(tenant, "ADMIN")
    owners.have(kept)
    (tmp_path / "token").write_text("token")

    async with OwnerLists(sales.kit.settings, tmp_path / "token", transport=owners.transport) as lists:
        for heal, expected in ((False, 3), (True, 3), (True, 0)):
            found = await repair(
                database, list_projected(database), lists, tenant_id=tenant.id, heal=heal, progress=print, settle_s=0
            )
            assert found.count == expected
    async with database.read_as_worker() as connection:
        assert {row["id"] for row in await connection.fetch(FIND_GONE, tenant.id)} == {gone.id, company.id}
        assert await connection.fetchval(COUNTING, tenant.id) == 0
