"""Puts the bus side together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_contacts import consumers
from crm_contacts.companies.record_adapter import COMPANIES
from crm_contacts.contacts.record_adapter import CONTACTS
from crm_contacts.duplicates.consumers import follow_contacts
from crm_contacts.duplicates.reviewing import reviewing
from crm_contacts.erasure.commands import load_snapshots
from crm_contacts.imports.adapters import ADAPTERS
from crm_contacts.settings import ContactsSettings
from crm_shared.backpressure import applying_backpressure, measuring_backlog
from crm_shared.clock import SystemClock
from crm_shared.entry_points.service_rooms import Consuming
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.cleaning import RecordAdapters
from crm_shared.features.custom_fields.maintenance import maintaining_custom_fields
from crm_shared.features.erasure.reannouncing import reannouncing
from crm_shared.features.handover import handing_over_leavers
from crm_shared.features.imports.write.running import importing
from crm_shared.http.idempotency_cleanup import worker_database_with_cleanup

RECORD_ADAPTERS: RecordAdapters = {EntityType.CONTACT: CONTACTS, EntityType.COMPANY: COMPANIES}
CONSUMERS = (consumers.hand_over, follow_contacts)


@asynccontextmanager
async def consuming(settings: ContactsSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on."""
    clock = SystemClock()
    async with (
        worker_database_with_cleanup(settings) as database,
        applying_backpressure(settings, database) as backpressure,
        measuring_backlog(database, backpressure),
        handing_over_leavers(database, consumers.ALL_OWNED, clock, backpressure),
        reannouncing(database, settings, load_snapshots, backpressure),
        maintaining_custom_fields(settings, database, RECORD_ADAPTERS, clock, backpressure),
        importing(settings, database, backpressure, ADAPTERS),
        reviewing(database, clock, backpressure, pause_s=settings.duplicate_review_s),
    ):
        yield Consuming(
            [
                consumers.hand_over.bind(database, clock),
                follow_contacts.bind(database, clock),
            ],
            {"database": database.ping},
        )
