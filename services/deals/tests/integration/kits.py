"""The deals service on a database of its own."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

from services.deals.tests.integration.sales import ContactsStandIn

from crm_deals.app import make_app
from crm_deals.settings import DealsSettings
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"


def running_deals(admin_dsn: str, contacts: ContactsStandIn) -> AbstractAsyncContextManager[ServiceKit[DealsSettings]]:
    """Run it while in the block. Tests that ask for plans take one each: other tests' rows would decide the plan."""
    make = partial(make_app, transport=contacts.transport)
    return running_service(DealsSettings, make, MIGRATIONS, admin_dsn=admin_dsn)
