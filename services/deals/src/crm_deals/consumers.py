"""Other services' facts into what is kept of them here; this service's own into webhooks."""

from collections.abc import Callable

from crm_deals.deals.kept_activities import save_activities
from crm_deals.deals.record_adapter import DEALS
from crm_deals.pipelines.commands import load_default_stages
from crm_deals.webhooks import queueing
from crm_shared.bus import subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.features.handover import follow_hand_overs, owned_by_column
from crm_shared.features.imports.forgetting_contacts import forget
from crm_shared.features.replicas import consumers
from crm_shared.features.replicas.merge_following import Followers

ALL_OWNED = (owned_by_column(DEALS),)
FOLLOWERS = Followers(DEALS)

keep_directory = consumers.keep_directory("deals")
hand_over = follow_hand_overs("deals", ALL_OWNED)
keep_replicas = consumers.keep_replicas("deals", "crm.contact", "crm.company", followers=FOLLOWERS, forget=forget)


@subscribe("crm.tenant", group_id="deals.default-pipelines")
async def give_pipelines(batch: list[Event], database: Database, clock: Clock) -> None:
    """Give each new tenant its first pipeline; one that has it keeps it as it is."""
    async with database.begin_as_worker() as transaction:
        for tenant_id in sorted({event.tenant_id for event in batch}):
            await load_default_stages(transaction, tenant_id, clock)


@subscribe("crm.activity", group_id="deals.activity-times")
async def keep_activity_times(batch: list[Event], database: Database) -> None:
    """Keep when something happened with a deal, and what is still to be done about it."""
    async with database.begin_as_worker() as transaction:
        await save_activities(transaction, batch)


@subscribe(*queueing.TOPICS, group_id="deals.webhooks")
async def queue_for_webhooks(batch: list[Event], database: Database, wake_sender: Callable[[], None]) -> None:
    """Queue this service's own events for the webhooks that ask for them, and wake who sends them."""
    async with database.begin_as_worker() as transaction:
        is_wanted = await queueing.enqueue(transaction, batch)
    if is_wanted:
        wake_sender()
