"""Puts the bus side together. This service tells and does not listen yet; its worker keeps the house."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from crm_contacts.settings import ContactsSettings
from crm_shared.bus import Consumer
from crm_shared.command_line import Consuming
from crm_shared.database import Database
from crm_shared.http.housekeeping import forgetting_old_answers

CONSUMERS: Sequence[Consumer[...]] = ()


@asynccontextmanager
async def consuming(settings: ContactsSettings) -> AsyncIterator[Consuming]:
    """Open what the worker depends on."""
    database = await Database.open(settings.worker_dsn.get_secret_value(), max_size=settings.database_pool_max_size)
    try:
        async with forgetting_old_answers(database, keep_h=settings.idempotency_keep_h):
            yield Consuming([], {"database": database.ping})
    finally:
        await database.close()
