"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_contacts import consumers
from crm_contacts.companies.kind import COMPANIES
from crm_contacts.contacts.kind import CONTACTS
from crm_contacts.duplicates.consumers import follow_contacts
from crm_contacts.duplicates.reviewing import reviewing
from crm_contacts.erasure.commands import load_snapshots
from crm_contacts.imports.kinds import KINDS
from crm_contacts.settings import ContactsSettings
from crm_shared.clock import SystemClock
from crm_shared.entry_points.service_rooms import Consuming
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.cleaning import Holders
from crm_shared.features.custom_fields.upkeep import keeping_custom_fields
from crm_shared.features.erasure.echoes import telling_again
from crm_shared.features.handover import sweeping
from crm_shared.features.imports.write.running import importing
from crm_shared.http.housekeeping import keeping_house
from crm_shared.pacing import pacing

HOLDERS: Holders = {EntityType.CONTACT: CONTACTS, EntityType.COMPANY: COMPANIES}
CONSUMERS = (consumers.hand_over, follow_contacts)


@asynccontextmanager
async def consuming(settings: ContactsSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    clock = SystemClock()
    async with (
        keeping_house(settings) as database,
        pacing(settings, database) as pace,
        sweeping(database, consumers.HOLDINGS, clock, pace),
        telling_again(database, settings, load_snapshots, pace),
        keeping_custom_fields(settings, database, HOLDERS, clock, pace),
        importing(settings, database, pace, KINDS),
        reviewing(database, clock, pace, pause_s=settings.duplicate_review_s),
    ):
        yield Consuming(
            [
                consumers.hand_over.bind(database, clock),
                follow_contacts.bind(database, clock),
            ],
            {"database": database.ping},
        )
