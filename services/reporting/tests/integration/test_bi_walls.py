"""A BI login takes from nobody else: no locks, no disk, and no settings of its own that outlive a grant."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import pytest
from services.reporting.tests.integration.bi_stories import Login, reading
from services.reporting.tests.integration.mail_stories import Reporting
from typer.testing import CliRunner, Result

from crm_local.engines.ports import free_ports
from crm_reporting.bi import readers
from crm_reporting.bi.addresses import at_address, database_of
from crm_reporting.cli import main
from crm_shared.database.public_functions import LIST_OPEN
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

CLOSED: Final = (
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock_shared(1, 2)",
    "SELECT pg_advisory_xact_lock(hashtextextended('visible_owners ' || current_user, 0))",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_creat(-1)",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_unlink(1)",
    "SELECT lo_truncate(0, 1)",
    "SELECT lowrite(0, 'x')",
    "SELECT pg_logical_emit_message(false, 'x', 'x')",
    "SELECT pg_export_snapshot()",
)
IS_ROLE: Final = "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1"


class Console:
    """An operator's: the command, and SQL of an administrator in the tests' database."""

    def __init__(self, admin_dsn: str, database: str, tenant: SeededTenant) -> None:
        self.admin_dsn, self.database, self.tenant = admin_dsn, database, tenant
        self.role = readers.role_of(tenant.id)

    def bi(self, verb: str, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["bi", verb, "--tenant", str(self.tenant.id), *arguments])

    def ask(self, question: str, *values: Any) -> Any:
        async def fetch() -> Any:
            admin = await asyncpg.connect(self.admin_dsn, database=self.database)
            try:
                return await admin.fetchval(question, *values)
            finally:
                await admin.close()

        return asyncio.run(fetch())

    @contextmanager
    def opened(self, function: str) -> Iterator[None]:
        """Let everybody call a function, as on a server where nobody could close it."""
        self.ask(f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC")
        try:
            yield
        finally:
            self.ask(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")


@pytest.fixture
def console(
    reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Console]:
    dsn = reporting.settings.dsn.get_secret_value()
    monkeypatch.setenv("CRM_ADMIN_DSN", postgres_admin_dsn)
    monkeypatch.setenv("CRM_REPORTING_DSN", dsn)
    monkeypatch.delenv("CRM_REPORTING_READ_DSN", raising=False)
    console = Console(postgres_admin_dsn, database_of(dsn), tenant)
    yield console
    monkeypatch.setenv("CRM_ADMIN_DSN", postgres_admin_dsn)
    monkeypatch.delenv("CRM_REPORTING_READ_DSN", raising=False)
    console.bi("revoke")


@pytest.fixture
async def login(reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant) -> AsyncIterator[Login]:
    async with reading(reporting, postgres_admin_dsn, tenant) as login:
        yield login


async def test_a_login_takes_no_locks_and_fills_no_disk(login: Login) -> None:
    await login.connection.execute("SET default_transaction_read_only = off")
    for statement in CLOSED:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for function"):
            await login.connection.execute(statement)
    # What a pool says as it takes a connection back.
    await login.connection.execute("SELECT pg_advisory_unlock_all()")


def test_the_services_own_roles_still_take_locks(console: Console) -> None:
    for kind in ("owner", "app", "worker"):
        role = f"reporting_{kind}"
        assert console.ask("SELECT has_function_privilege($1, 'pg_advisory_lock(bigint)', 'EXECUTE')", role)
        assert console.ask(f"SELECT count(*) FROM ({LIST_OPEN}) o", role, role) > len(CLOSED)  # noqa: S608 - a text of ours


@pytest.mark.parametrize("function", ["pg_advisory_lock(bigint)", "lo_create(oid)"])
def test_no_login_is_given_that_could_stop_the_services_unless_it_is_said(console: Console, function: str) -> None:
    with console.opened(function):
        refused = console.bi("grant")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert f"such as {function}. Nothing was changed" in refused.stderr
        assert "crm-reporting provision" in refused.stderr
        assert console.ask(IS_ROLE, console.role) is None
        assert console.bi("grant", "--shared-locks").exit_code == 0
    assert console.bi("grant").exit_code == 0


def test_a_login_that_was_let_call_one_by_hand_is_refused(console: Console) -> None:
    assert console.bi("grant").exit_code == 0
    console.ask(f"GRANT EXECUTE ON FUNCTION lo_create(oid) TO {console.role}")
    assert console.bi("grant").exit_code == 1


def test_a_grant_puts_back_what_a_login_set_for_itself(console: Console) -> None:
    assert console.bi("grant").exit_code == 0
    own = "SELECT count(*) FROM pg_db_role_setting WHERE setrole = to_regrole($1) AND setconfig::text LIKE $2"
    console.ask(f"ALTER ROLE {console.role} SET work_mem = '1GB'")
    console.ask(f'ALTER ROLE {console.role} IN DATABASE "{console.database}" SET statement_timeout = 0')
    assert console.bi("grant").exit_code == 0
    assert console.ask(own, console.role, "%work_mem%") == 0
    assert console.ask(own, console.role, "%statement_timeout=0%") == 0
    assert console.ask(own, console.role, "%statement_timeout=60s%") == 1


@pytest.mark.parametrize("address", ["db.example:0", "me@db.example", "db.example:5432/other", "::1"])
def test_an_address_that_is_none_is_refused_before_anything_is_changed(console: Console, address: str) -> None:
    refused = console.bi("grant", "--address", address)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert console.bi("revoke", "--also", address).exit_code == 2
    assert console.ask(IS_ROLE, console.role) is None


def test_a_login_that_owns_large_objects_is_revoked_with_them(console: Console) -> None:
    assert console.bi("grant").exit_code == 0
    made = console.ask("SELECT lo_create(0)")
    console.ask(f"ALTER LARGE OBJECT {made} OWNER TO {console.role}")
    assert console.bi("revoke").output == "revoked\n"
    assert console.ask("SELECT count(*) FROM pg_largeobject_metadata WHERE oid = $1", made) == 0


def test_a_revocation_that_the_database_refuses_says_so_and_lets_nobody_in(console: Console) -> None:
    assert console.bi("grant").exit_code == 0
    console.ask(f"CREATE DATABASE {console.role} OWNER {console.role}")  # which DROP OWNED leaves alone
    try:
        refused = console.bi("revoke")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr.startswith("crm-reporting bi revoke: DependentObjectsStillExistError: ")
        assert console.ask(IS_ROLE, console.role) is False
    finally:
        console.ask(f"DROP DATABASE {console.role}")
    assert console.bi("revoke").output == "revoked\n"


@pytest.mark.parametrize("verb", ["grant", "revoke"])
def test_an_administrator_who_gets_no_answer_is_told(
    console: Console, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("CRM_ADMIN_DSN", at_address(console.admin_dsn, f"127.0.0.1:{free_ports(1)[0]}"))
    refused = console.bi(verb)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"crm-reporting bi {verb}: ")


@pytest.mark.parametrize("by", ["setting", "option"])
def test_a_standby_that_is_away_keeps_the_closed_login_until_it_was_asked(
    console: Console, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    assert console.bi("grant").exit_code == 0
    away = f"127.0.0.1:{free_ports(1)[0]}"
    if by == "setting":
        monkeypatch.setenv("CRM_REPORTING_READ_DSN", f"postgresql://reporting_app:secret@{away}/{console.database}")
    refused = console.bi("revoke", *(() if by == "setting" else ("--also", away)))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{away} can't be reached" in refused.stderr
    assert "secret" not in refused.stderr
    assert console.ask(IS_ROLE, console.role) is False
    monkeypatch.delenv("CRM_REPORTING_READ_DSN", raising=False)
    assert console.bi("revoke").output == "revoked\n"
