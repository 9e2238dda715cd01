"""Logins for BI tools: each sees one tenant through the views, and can do nothing else, whatever it sets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import pytest
from services.reporting.tests.integration.bi_stories import Login, fill, place_of, reading, revoke
from typer.testing import CliRunner

from crm_reporting.bi import readers
from crm_reporting.cli import main
from crm_reporting.consumers import keep_pipelines
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
LIST_VIEWS: Final = "SELECT relname FROM pg_class WHERE relnamespace = 'bi'::regnamespace AND relkind = 'v' ORDER BY 1"
WITHOUT_COMMENT: Final = """
    SELECT c.relname::text FROM pg_class c
     WHERE c.relnamespace = 'bi'::regnamespace AND c.relkind = 'v' AND obj_description(c.oid, 'pg_class') IS NULL
    UNION ALL
    SELECT c.relname || '.' || a.attname
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relnamespace = 'bi'::regnamespace AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL
"""
WITH_RIGHTS_OF_ITS_OWNER: Final = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'bi'::regnamespace AND relkind = 'v'
       AND NOT COALESCE(reloptions, '{}') @> '{security_invoker=true}'
"""
READABLE_WITHOUT_BOUND: Final = """
    SELECT c.relname FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
       AND has_any_column_privilege('reporting_bi', c.oid, 'SELECT')
       AND NOT EXISTS (SELECT FROM pg_policy p
                        WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd = '*'
                          AND p.polroles = ARRAY[to_regrole('reporting_bi')::oid])
"""
TOO_MUCH: Final = (
    "SELECT email FROM directory_users",
    "SELECT * FROM deal_facts",
    "SELECT message_key FROM activity_facts",
    *(f"SELECT 1 FROM {table}" for table in ("deal_rollup", "deal_versions", "visible_owners", "alembic_version")),  # noqa: S608 - named here
    "UPDATE bi.quotas SET amount = 0",
    "UPDATE deal_facts SET name = 'x'",
    "INSERT INTO bi.quotas DEFAULT VALUES",
    "DELETE FROM bi.pipelines",
    "CREATE TABLE bi.mine (id int)",
    "CREATE TABLE public.mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE FUNCTION bi.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE SCHEMA mine",
    "CREATE OR REPLACE FUNCTION bi.reader_tenant() RETURNS uuid LANGUAGE sql RETURN NULL::uuid",
    "SET ROLE reporting_bi",
    "SET ROLE reporting_worker",
    "SET SESSION AUTHORIZATION reporting_app",
    "COPY bi.deals TO PROGRAM 'cat'",
)


@pytest.fixture
async def login(reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant) -> AsyncIterator[Login]:
    """Yield a login of `tenant`, which has data as another tenant has."""
    for one in (tenant, await reporting.seed_tenant()):
        pipeline = PublishedPipeline.sales(one.id)
        await keep_pipelines([pipeline.publish()], reporting.database)
        await fill(reporting, one, pipeline)
    async with reading(reporting, postgres_admin_dsn, tenant) as login:
        yield login


async def is_closed(connection: asyncpg.Connection) -> bool:
    return bool(connection.is_closed())


async def find_another(reporting: Reporting, tenant: SeededTenant) -> str:
    async with reporting.database.read_as_worker() as connection:
        return str(await connection.fetchval("SELECT tenant_id FROM deal_facts WHERE tenant_id <> $1", tenant.id))


async def test_a_login_sees_its_tenant_alone_whatever_it_sets(
    reporting: Reporting, tenant: SeededTenant, login: Login
) -> None:
    other = await find_another(reporting, tenant)
    views = [row["relname"] for row in await login.fetch(LIST_VIEWS)]
    assert len(views) == 11
    before = {view: [dict(row) for row in await login.fetch(f"SELECT * FROM bi.{view} ORDER BY 1")] for view in views}  # noqa: S608 - a view of ours
    assert [row["tenant_id"] for row in before["tenant"]] == [tenant.id]
    assert {row["user_id"] for row in before["users"]} == {person.id for person in tenant.people}
    assert (len(before["deals"]), len(before["deal_history"]), len(before["stage_moves"])) == (2, 3, 3)
    assert all(before[view] for view in views)

    await login.connection.execute(f"SET crm.tenant_id = '{other}'")
    await login.connection.execute("SET search_path = public")
    for view in views:
        assert [dict(row) for row in await login.fetch(f"SELECT * FROM bi.{view} ORDER BY 1")] == before[view]  # noqa: S608 - as above
    assert await login.fetch(f"SELECT deal_id FROM deal_facts WHERE tenant_id = '{other}'") == []  # noqa: S608 - an id
    await login.connection.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await login.fetch("SELECT * FROM bi.deals")


async def test_a_login_reads_no_more_and_writes_nothing(login: Login) -> None:
    await login.connection.execute("SET default_transaction_read_only = off; SET search_path = public")
    for statement in TOO_MUCH:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.connection.execute(statement)
    assert await login.fetch("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user") == [(False,)]


async def test_a_login_is_held_to_limits(login: Login) -> None:
    limits = readers.SETTINGS | readers.LIMITS
    shown = {name: await login.connection.fetchval(f"SHOW {name}") for name in limits}
    assert shown == limits | {"statement_timeout": "1min", "idle_in_transaction_session_timeout": "1min"}
    await login.connection.execute("SET default_transaction_read_only = off")
    for change in ("SET temp_file_limit = -1", f"ALTER ROLE {readers.role_of(login.tenant_id)} RESET temp_file_limit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.connection.execute(change)
    async with AsyncExitStack() as stack:
        for _ in range(readers.CONNECTIONS - 1):
            connection = await asyncpg.connect(login.dsn)
            stack.push_async_callback(connection.close)
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await asyncpg.connect(login.dsn)


async def test_views_read_with_their_readers_rights_and_say_what_they_hold(reporting: Reporting) -> None:
    async with reporting.database.read_as_worker() as connection:
        for question in (WITHOUT_COMMENT, WITH_RIGHTS_OF_ITS_OWNER, READABLE_WITHOUT_BOUND):
            assert await connection.fetch(question) == []


async def test_money_is_in_the_base_currency_at_the_days_rate_or_not_at_all(login: Login) -> None:
    found = await login.fetch("SELECT currency, amount, amount_base::text AS base FROM bi.deals ORDER BY currency")
    assert [tuple(row.values()) for row in found] == [("EUR", 40, "40.00"), ("USD", 100, "50.000")]


async def test_an_expired_login_and_one_with_a_former_password_get_in_no_more(
    reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant, login: Login
) -> None:
    address = place_of(reporting)

    async def grant(days: int) -> str:
        until = datetime.now(UTC) + timedelta(days=days)
        made = await readers.grant_reader(postgres_admin_dsn, tenant.id, address=address, valid_until=until)
        return made.dsn

    for dsn in (await grant(-1), login.dsn):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn)
    again = await asyncpg.connect(await grant(1))
    await again.close()


async def test_a_revoked_login_is_gone_and_so_are_its_sessions(
    reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant, login: Login
) -> None:
    assert await revoke(reporting, postgres_admin_dsn, tenant)
    await wait_until(lambda: is_closed(login.connection))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(login.dsn)
    assert not await revoke(reporting, postgres_admin_dsn, tenant)


async def test_an_administrator_who_is_no_superuser_grants_and_revokes(
    reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant
) -> None:
    operator = f"bi_operator_{new_id().hex}"
    admin = await asyncpg.connect(postgres_admin_dsn)
    await admin.execute(
        f"CREATE ROLE {operator} LOGIN CREATEROLE PASSWORD 'secret'; GRANT reporting_bi TO {operator} WITH ADMIN OPTION"
    )
    own = place_of(reporting)
    await admin.execute(f'GRANT CONNECT ON DATABASE "{own.partition("/")[2]}" TO {operator}')
    operator_dsn = f"postgresql://{operator}:secret@{own}"
    try:
        made = await readers.grant_reader(operator_dsn, tenant.id, address=own, valid_until=None)
        assert made.missing_limits == ("temp_file_limit",)
        connection = await asyncpg.connect(made.dsn)
        assert await connection.fetchval("SELECT tenant_id FROM bi.tenant") == tenant.id
        assert await revoke(reporting, operator_dsn, tenant)
        await wait_until(lambda: is_closed(connection))
    finally:
        await revoke(reporting, postgres_admin_dsn, tenant)
        await admin.execute(f"DROP OWNED BY {operator}; DROP ROLE {operator}")
        await admin.close()


async def test_whoever_is_put_into_the_group_by_hand_sees_nothing(
    reporting: Reporting, postgres_admin_dsn: str, login: Login
) -> None:
    stranger = f"bi_stranger_{new_id().hex}"
    admin = await asyncpg.connect(postgres_admin_dsn)
    await admin.execute(f"CREATE ROLE {stranger} LOGIN PASSWORD 'secret'; GRANT reporting_bi TO {stranger}")
    try:
        connection = await asyncpg.connect(f"postgresql://{stranger}:secret@{place_of(reporting)}")
        await connection.execute(f"SET crm.tenant_id = '{login.tenant_id}'")
        assert await connection.fetch("SELECT * FROM bi.deals") == []
        await connection.close()
    finally:
        await admin.execute(f"DROP ROLE {stranger}")
        await admin.close()


@pytest.mark.parametrize("address", [None, "db.example:6432"])
def test_the_command_prints_the_way_in_once_and_takes_it_back(
    reporting: Reporting,
    postgres_admin_dsn: str,
    tenant: SeededTenant,
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
) -> None:
    monkeypatch.setenv("CRM_ADMIN_DSN", postgres_admin_dsn)
    monkeypatch.setenv("CRM_REPORTING_DSN", reporting.settings.dsn.get_secret_value())
    where = [] if address is None else ["--address", address]
    granted = CliRunner().invoke(main, ["bi", "grant", "--tenant", str(tenant.id), "--days", "2", *where])
    assert granted.exit_code == 0
    own = place_of(reporting)
    database = own.partition("/")[2]
    assert granted.stdout.startswith(f"postgresql://reporting_bi_{tenant.id.hex}:")
    assert granted.stdout.endswith(f"@{own if address is None else f'{address}/{database}'}\n")
    assert granted.stdout.count("\n") == 1
    assert "until 2" in granted.stderr
    revoke = ["bi", "revoke", "--tenant", str(tenant.id)]
    assert [CliRunner().invoke(main, revoke).output for _ in range(2)] == ["revoked\n", "there was no login\n"]


def test_the_command_knows_no_tenant_that_reporting_does_not(
    reporting: Reporting, postgres_admin_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_ADMIN_DSN", postgres_admin_dsn)
    monkeypatch.setenv("CRM_REPORTING_DSN", reporting.settings.dsn.get_secret_value())
    unknown = new_id()
    refused = CliRunner().invoke(main, ["bi", "grant", "--tenant", str(unknown)])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"nothing is known here of tenant {unknown}" in refused.stderr
