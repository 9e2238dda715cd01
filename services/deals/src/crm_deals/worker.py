"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_deals import consumers
from crm_deals.deals.board_totals import folding
from crm_deals.deals.day_ends import following_time_zones
from crm_deals.deals.next_steps import marking_overdue
from crm_deals.deals.record_adapter import DEALS
from crm_deals.imports.adapters import ADAPTERS
from crm_deals.settings import DealsSettings
from crm_deals.webhooks.dispatch import dispatching
from crm_shared.backpressure import applying_backpressure, measuring_backlog
from crm_shared.clock import SystemClock
from crm_shared.entry_points.service_rooms import Consuming
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.cleaning import RecordAdapters
from crm_shared.features.custom_fields.maintenance import maintaining_custom_fields
from crm_shared.features.handover import handing_over_leavers
from crm_shared.features.imports.write.running import importing
from crm_shared.http.idempotency_cleanup import worker_database_with_cleanup

RECORD_ADAPTERS: RecordAdapters = {EntityType.DEAL: DEALS}
CONSUMERS = (
    consumers.keep_directory,
    consumers.keep_replicas,
    consumers.hand_over,
    consumers.give_pipelines,
    consumers.queue_for_webhooks,
    consumers.keep_activity_times,
)


@asynccontextmanager
async def consuming(settings: DealsSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    clock = SystemClock()
    async with (
        worker_database_with_cleanup(settings) as database,
        applying_backpressure(settings, database) as backpressure,
        measuring_backlog(database, backpressure),
        handing_over_leavers(database, consumers.ALL_OWNED, clock, backpressure),
        dispatching(database, settings, clock) as dispatcher,
        folding(database),
        importing(settings, database, backpressure, ADAPTERS),
        marking_overdue(database),
        following_time_zones(database),
        maintaining_custom_fields(settings, database, RECORD_ADAPTERS, clock, backpressure),
    ):
        yield Consuming(
            [
                consumers.keep_directory.bind(database),
                consumers.keep_replicas.bind(database, backpressure),
                consumers.hand_over.bind(database, clock),
                consumers.give_pipelines.bind(database, clock),
                consumers.queue_for_webhooks.bind(database, dispatcher.wake),
                consumers.keep_activity_times.bind(database),
            ],
            {"database": database.ping},
        )
