"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from crm_reporting import consumers
from crm_reporting.settings import ReportingSettings
from crm_reporting.verification import make_turn, watch_differences
from crm_shared.background import background, repeat
from crm_shared.database import Database
from crm_shared.entry_points.service_rooms import Consuming

CONSUMERS = (
    consumers.keep_directory,
    consumers.keep_pipelines,
    consumers.keep_shares,
    consumers.project_deals,
    consumers.keep_activities,
)


@asynccontextmanager
async def consuming(settings: ReportingSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    dsn = settings.worker_dsn.get_secret_value()
    async with Database.opened(dsn, max_size=settings.database_pool_max_size) as database, make_turn(dsn) as turn:
        verifying = repeat("verification", partial(watch_differences, turn), pause_s=settings.verification_interval_s)
        async with background(verifying):
            yield Consuming([consumer.bind(database) for consumer in CONSUMERS], {"database": database.ping})
