"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_activities import consumers
from crm_activities.activities.erasure import load_snapshots
from crm_activities.imports.adapters import ADAPTERS
from crm_activities.reminders.scheduler import reminding
from crm_activities.series.making import making_series
from crm_activities.settings import ActivitiesSettings
from crm_shared.backpressure import applying_backpressure, measuring_backlog
from crm_shared.clock import SystemClock
from crm_shared.entry_points.service_rooms import Consuming
from crm_shared.features.erasure.reannouncing import reannouncing
from crm_shared.features.handover import handing_over_leavers
from crm_shared.features.imports.write.running import importing
from crm_shared.http.idempotency_cleanup import worker_database_with_cleanup

CONSUMERS = (
    consumers.keep_directory,
    consumers.keep_replicas,
    consumers.hand_over,
    consumers.note_deal_moves,
    consumers.note_contact_changes,
    consumers.forget_contacts,
)


@asynccontextmanager
async def consuming(settings: ActivitiesSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    clock = SystemClock()
    async with (
        worker_database_with_cleanup(settings) as database,
        applying_backpressure(settings, database) as backpressure,
        measuring_backlog(database, backpressure),
        handing_over_leavers(database, consumers.ALL_OWNED, clock, backpressure),
        reannouncing(database, settings, load_snapshots, backpressure),
        importing(settings, database, backpressure, ADAPTERS),
        reminding(database, clock, backpressure),
        making_series(database, clock, backpressure, pause_s=settings.series_check_s),
    ):
        yield Consuming(
            [
                consumers.keep_directory.bind(database),
                consumers.keep_replicas.bind(database, backpressure),
                consumers.hand_over.bind(database, clock),
                consumers.note_deal_moves.bind(database, clock),
                consumers.note_contact_changes.bind(database, clock),
                consumers.forget_contacts.bind(database, clock),
            ],
            {"database": database.ping},
        )
