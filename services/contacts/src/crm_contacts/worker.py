"""Puts the bus side together. This service tells and does not listen yet; its worker keeps the house."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from crm_contacts.settings import ContactsSettings
from crm_shared.bus import Consumer
from crm_shared.command_line import Consuming
from crm_shared.http.housekeeping import keeping_house

CONSUMERS: Sequence[Consumer[...]] = ()


@asynccontextmanager
async def consuming(settings: ContactsSettings) -> AsyncIterator[Consuming]:
    """Open what the worker depends on."""
    async with keeping_house(settings) as database:
        yield Consuming([], {"database": database.ping})
