"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_activities import consumers
from crm_activities.activities.erasure import load_snapshots
from crm_activities.imports.kinds import KINDS
from crm_activities.reminders.clockwork import reminding
from crm_activities.series.making import making_series
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.entry_points.service_rooms import Consuming
from crm_shared.features.erasure.echoes import telling_again
from crm_shared.features.handover import sweeping
from crm_shared.features.imports.write.running import importing
from crm_shared.http.housekeeping import keeping_house
from crm_shared.pacing import pacing

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
        keeping_house(settings) as database,
        pacing(settings, database) as pace,
        sweeping(database, consumers.HOLDINGS, clock, pace),
        telling_again(database, settings, load_snapshots, pace),
        importing(settings, database, pace, KINDS),
        reminding(database, clock, pace),
        making_series(database, clock, pace, pause_s=settings.series_check_s),
    ):
        yield Consuming(
            [
                consumers.keep_directory.bind(database),
                consumers.keep_replicas.bind(database, pace),
                consumers.hand_over.bind(database, clock),
                consumers.note_deal_moves.bind(database, clock),
                consumers.note_contact_changes.bind(database, clock),
                consumers.forget_contacts.bind(database, clock),
            ],
            {"database": database.ping},
        )
