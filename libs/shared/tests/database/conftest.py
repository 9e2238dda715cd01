"""Connections to the small service's database."""

from collections.abc import AsyncIterator

import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_shared.database import Database
from crm_testing.service_kit import ServiceKit


@pytest.fixture
async def app_database(things: ServiceKit[ThingsSettings]) -> AsyncIterator[Database]:
    """As the API has it: the app role, under row-level security. Three connections, so that many must share."""
    database = await Database.open(things.settings.dsn.get_secret_value(), max_size=3)
    yield database
    await database.close()


@pytest.fixture
async def pooled_database(things: ServiceKit[ThingsSettings]) -> AsyncIterator[Database]:
    """As behind a transaction-mode pooler."""
    dsn = things.settings.dsn.get_secret_value()
    database = await Database.open(dsn, max_size=3, behind_pooler=True)
    yield database
    await database.close()
