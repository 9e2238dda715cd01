"""Whether a caller has shares comes with who they are, and no statement names shares where there are none."""

from collections.abc import AsyncIterator
from typing import LiteralString

import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_shared.access import Caller, Role
from crm_shared.access.directory import Directory
from crm_shared.access.shares import SharesOfContact, replace_shares
from crm_shared.access.visibility import add_visible
from crm_shared.clock import new_id
from crm_shared.database import Database, Where
from crm_shared.listing import list_branches
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Things = ServiceKit[ThingsSettings]


@pytest.fixture
async def app_database(things: Things) -> AsyncIterator[Database]:
    async with Database.opened(things.settings.dsn.get_secret_value(), max_size=1) as database:
        yield database


async def find(app_database: Database, tenant: SeededTenant, *, cache_s: float = 0) -> Caller:
    caller, _ = await Directory(app_database, cache_s=cache_s).find_caller(tenant.id, tenant.rep.id, "token")
    assert caller is not None
    return caller


async def test_a_caller_has_shares_while_there_is_one(things: Things, app_database: Database) -> None:
    tenant, stranger, contacts = await things.seed_tenant(), await things.seed_tenant(), (new_id(), new_id())
    assert not (await find(app_database, tenant)).has_shares
    for contact_id, users, expected in (
        (contacts[0], [tenant.rep.id, tenant.manager.id], True),
        (contacts[1], [tenant.rep.id], True),
        (contacts[0], [tenant.manager.id], True),  # the other one still is
        (contacts[1], [], False),
    ):
        async with things.database.begin_as_worker() as transaction:
            shares = SharesOfContact(tenant.id, contact_id, [(user_id, "READ") for user_id in users])
            await replace_shares(transaction, [shares])
        assert (await find(app_database, tenant)).has_shares is expected
        assert not (await find(app_database, stranger)).has_shares


async def test_what_is_remembered_of_a_caller_includes_it(things: Things, app_database: Database) -> None:
    tenant = await things.seed_tenant()
    directory = Directory(app_database, cache_s=60)
    await directory.find_caller(tenant.id, tenant.rep.id, "token")
    async with things.database.begin_as_worker() as transaction:
        await replace_shares(transaction, [SharesOfContact(tenant.id, new_id(), [(tenant.rep.id, "WRITE")])])
    remembered, _ = await directory.find_caller(tenant.id, tenant.rep.id, "token")
    assert remembered is not None
    assert not remembered.has_shares
    assert (await find(app_database, tenant)).has_shares


@pytest.mark.parametrize("role", list(Role))
def test_without_shares_no_statement_asks_for_any(role: Role) -> None:
    caller = Caller(new_id(), new_id(), role, "EUR", "UTC")
    where = Where(caller.tenant_id)
    assert len(list_branches(where, caller, "c.owner_id", contact_id="c.id")) == 1
    assert "contact_shares" not in add_visible(where, caller, "c.owner_id", contact_id="c.id").sql


def test_an_admin_sees_all_and_needs_no_share() -> None:
    caller = Caller(new_id(), new_id(), Role.ADMIN, "EUR", "UTC", has_shares=True)
    where = add_visible(Where(caller.tenant_id), caller, "c.owner_id", contact_id="c.id")
    assert (where.sql, len(where.parameters)) == ("true", 1)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("column", ["owner_id", "seen_owner.owner_id", "visible_owners.owner_id", "seen_share.id"])
def test_a_column_that_the_clause_would_take_for_its_own_is_refused(role: Role, column: LiteralString) -> None:
    """Else it is compared with itself, which is true of every row."""
    caller = Caller(new_id(), new_id(), role, "EUR", "UTC", has_shares=True)
    with pytest.raises(ValueError, match="own tables"):
        add_visible(Where(caller.tenant_id), caller, "c.owner_id", column)
    if role is not Role.ADMIN:
        with pytest.raises(ValueError, match="own tables"):
            add_visible(Where(caller.tenant_id), caller, "c.owner_id", contact_id=column)


@pytest.mark.parametrize("alias", ["o", "s", "v", "shared", "d"])
async def test_no_alias_of_a_statement_lets_a_manager_see_more(
    things: Things, app_database: Database, alias: LiteralString
) -> None:
    tenant = await things.seed_tenant()
    manager = Caller(tenant.id, tenant.manager.id, Role.MANAGER, "EUR", "UTC", has_shares=True)
    column: LiteralString = alias + ".owner_id"
    where = add_visible(Where(manager.tenant_id, [tenant.rep.id, tenant.other_rep.id]), manager, column)
    records: LiteralString = "SELECT owner_id FROM unnest($2::uuid[]) AS " + alias + " (owner_id)"  # noqa: S608 - ours
    async with app_database.read(tenant.id) as connection:
        rows = await connection.fetch(records + " WHERE $1::uuid IS NOT NULL AND " + where.sql, *where.parameters)
    assert [row["owner_id"] for row in rows] == [tenant.rep.id]
