"""What the database lets the API and the worker do, table by table, is what is written down and no more."""

from pathlib import Path
from typing import Final

import asyncpg
import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.privileges import list_granted, list_privileges
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"


async def test_each_role_may_do_what_is_written_and_nothing_else(contacts: ServiceKit[ContactsSettings]) -> None:
    async with contacts.database.read_as_worker() as connection:
        assert await list_privileges(connection, "contacts") == list_granted(MIGRATIONS)


async def test_the_api_writes_no_history_and_takes_nothing_from_the_outbox(
    contacts: ServiceKit[ContactsSettings],
) -> None:
    app = {table: held for (table, kind), held in list_granted(MIGRATIONS).items() if kind == "app"}
    assert app["outbox"] == {"INSERT"}
    assert "DELETE" not in app["contacts"] | app["companies"] | app["directory_users"] | app["record_changes"]
    async with Database.opened(contacts.settings.dsn.get_secret_value(), max_size=1) as database:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.begin(new_id()) as transaction:
                await transaction.execute("SELECT FROM outbox")


async def test_the_database_takes_each_role_and_no_other(contacts: ServiceKit[ContactsSettings]) -> None:
    """A new role needs a migration that widens the CHECK on `directory_users.role`."""
    assert await contacts.list_roles() == set(Role)
