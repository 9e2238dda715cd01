"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_deals import consumers
from crm_deals.settings import DealsSettings
from crm_shared.clock import SystemClock
from crm_shared.command_line import Consuming
from crm_shared.http.housekeeping import keeping_house

CONSUMERS = (consumers.keep_directory, consumers.keep_replicas, consumers.give_pipelines)


@asynccontextmanager
async def consuming(settings: DealsSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    async with keeping_house(settings) as database:
        yield Consuming(
            [
                consumers.keep_directory.bind(database),
                consumers.keep_replicas.bind(database),
                consumers.give_pipelines.bind(database, SystemClock()),
            ],
            {"database": database.ping},
        )
