"""What the database lets the API and the worker do, table by table, is what is written down and no more."""

from pathlib import Path
from typing import Final

import asyncpg
import pytest

from crm_search.settings import SearchSettings
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_testing.privileges import list_granted, list_privileges
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"


async def test_each_role_may_do_what_is_written_and_nothing_else(search: ServiceKit[SearchSettings]) -> None:
    async with search.database.read_as_worker() as connection:
        assert await list_privileges(connection, "search") == list_granted(MIGRATIONS)


@pytest.mark.parametrize("table", ["directory_users", "directory_tenants", "visible_owners", "alembic_version"])
async def test_the_api_can_not_raise_anybodys_rank(search: ServiceKit[SearchSettings], table: str) -> None:
    insert, delete = f"INSERT INTO {table} DEFAULT VALUES", f"DELETE FROM {table}"  # noqa: S608 - named above
    async with Database.opened(search.settings.dsn.get_secret_value(), max_size=1) as database:
        for statement in (insert, delete, "UPDATE directory_users SET role = 'ADMIN'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.begin(new_id()) as transaction:
                    await transaction.execute(statement)


async def test_the_database_takes_each_role_and_no_other(search: ServiceKit[SearchSettings]) -> None:
    """A new role needs a migration that widens the CHECK on `directory_users.role`."""
    assert await search.list_roles() == set(Role)
