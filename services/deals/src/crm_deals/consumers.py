"""Other services' facts: the directory, the names of contacts and companies, and a pipeline for each new tenant."""

from crm_deals.pipelines.commands import load_default_stages
from crm_shared.bus import subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.replicas import consumers

keep_directory = consumers.keep_directory("deals")
keep_replicas = consumers.keep_replicas("deals", "crm.contact", "crm.company")


@subscribe("crm.tenant", group_id="deals.default-pipelines")
async def give_pipelines(batch: list[Event], database: Database, clock: Clock) -> None:
    """Give each new tenant its first pipeline; one that has it keeps it as it is."""
    async with database.begin_as_worker() as transaction:
        for tenant_id in sorted({event.tenant_id for event in batch}):
            await load_default_stages(transaction, tenant_id, clock)
