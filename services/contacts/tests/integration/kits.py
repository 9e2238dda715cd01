"""The contacts service on a database of its own."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from crm_contacts.app import make_app
from crm_contacts.settings import ContactsSettings
from crm_testing.importing import NO_RELAY
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"


def running_contacts(admin_dsn: str) -> AbstractAsyncContextManager[ServiceKit[ContactsSettings]]:
    """Run it while in the block. Tests that ask for plans take one each: other tests' rows would decide the plan."""
    return running_service(ContactsSettings, make_app, MIGRATIONS, admin_dsn=admin_dsn, bulk_outbox_rows=NO_RELAY)
