"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_activities import consumers
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.command_line import Consuming
from crm_shared.http.housekeeping import keeping_house

CONSUMERS = (consumers.keep_directory, consumers.keep_replicas, consumers.note_deal_moves)


@asynccontextmanager
async def consuming(settings: ActivitiesSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    async with keeping_house(settings) as database:
        yield Consuming(
            [
                consumers.keep_directory.bind(database),
                consumers.keep_replicas.bind(database),
                consumers.note_deal_moves.bind(database, SystemClock()),
            ],
            {"database": database.ping},
        )
