"""Databases, roles and migrations may be made twice, and by many at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from libs.shared.tests.http.things import MIGRATIONS
from sqlalchemy.exc import OperationalError, ProgrammingError
from tenacity import stop_after_attempt

from crm_shared.database import migrations
from crm_shared.database.grants import WrongGrants
from crm_shared.database.migrations import migrate
from crm_shared.database.rls import list_unprotected
from crm_shared.entry_points.provision import provision
from crm_testing.privileges import list_privileges
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

IS_WAITED_FOR = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'notes'::regclass AND NOT granted)"
PASSWORD = 'it\'s "quoted" \\ and % odd'


class Fresh:
    """A service that nobody has provisioned yet."""

    def __init__(self, admin_dsn: str) -> None:
        self.admin_dsn = admin_dsn
        self.service = f"s{uuid.uuid4().hex[:12]}"

    async def provision(self, password: str = PASSWORD) -> None:
        await provision(self.admin_dsn, self.service, password_of=lambda _role: password)

    async def connect(self, kind: str, password: str = PASSWORD) -> asyncpg.Connection:
        host = urlsplit(self.admin_dsn)
        return await asyncpg.connect(
            host=host.hostname, port=host.port, user=f"{self.service}_{kind}", password=password,
            database=f"crm_{self.service}",
        )  # fmt: skip

    @property
    def owner_dsn(self) -> str:
        host = urlsplit(self.admin_dsn)
        return f"postgresql://{self.service}_owner:plain@{host.hostname}:{host.port}/crm_{self.service}"


@pytest.fixture
async def fresh(postgres_admin_dsn: str) -> AsyncIterator[Fresh]:
    service = Fresh(postgres_admin_dsn)
    yield service
    admin = await asyncpg.connect(postgres_admin_dsn)
    await admin.execute(f'DROP DATABASE IF EXISTS "crm_{service.service}" WITH (FORCE)')
    for kind in ("owner", "app", "worker"):
        await admin.execute(f"DROP ROLE IF EXISTS {service.service}_{kind}")
    await admin.close()


async def test_many_at_once_make_one_database_and_three_roles(fresh: Fresh) -> None:
    await asyncio.gather(*(fresh.provision() for _ in range(4)))
    admin = await asyncpg.connect(fresh.admin_dsn)
    roles = await admin.fetch(
        "SELECT rolname, rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication AS is_mighty, "
        "rolcanlogin FROM pg_roles WHERE rolname LIKE $1 ORDER BY rolname",
        f"{fresh.service}%",
    )
    await admin.close()
    names = [f"{fresh.service}_{kind}" for kind in ("app", "owner", "worker")]
    assert [tuple(role) for role in roles] == [(name, False, True) for name in names]


async def test_a_password_is_set_anew_each_time(fresh: Fresh) -> None:
    await fresh.provision()
    await (await fresh.connect("app")).close()
    await fresh.provision("another")
    await (await fresh.connect("app", "another")).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await fresh.connect("app")


async def test_what_the_owner_makes_is_closed_to_the_others_until_it_is_granted(fresh: Fresh) -> None:
    await fresh.provision()
    owner = await fresh.connect("owner")
    await owner.execute("CREATE TABLE later (n int GENERATED ALWAYS AS IDENTITY, tenant_id uuid)")
    await fresh.provision()  # again, over tables that are there
    for kind in ("app", "worker"):
        role = await fresh.connect(kind)
        for statement in ("SELECT FROM later", "DROP TABLE later", "CREATE TABLE mine (n int)", "TRUNCATE later"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await role.execute(statement)
        await owner.execute(f"GRANT INSERT ON later TO {fresh.service}_{kind}")
        await role.execute("INSERT INTO later (tenant_id) VALUES (NULL)")  # the identity's sequence asks for nothing
        await role.close()
    assert await list_unprotected(owner) == ["later"]
    await owner.close()


@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_a_services_roles_stay_out_of_the_databases_of_all(fresh: Fresh, database: str) -> None:
    await fresh.provision()
    host = urlsplit(fresh.admin_dsn)
    for kind in ("owner", "app", "worker"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(
                host=host.hostname, port=host.port, user=f"{fresh.service}_{kind}", password=PASSWORD, database=database
            )


async def test_one_services_roles_stay_out_of_anothers_database(fresh: Fresh, postgres_admin_dsn: str) -> None:
    await fresh.provision()
    other = Fresh(postgres_admin_dsn)
    try:
        await other.provision()
        host = urlsplit(postgres_admin_dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(
                host=host.hostname, port=host.port, user=f"{other.service}_owner", password=PASSWORD,
                database=f"crm_{fresh.service}",
            )  # fmt: skip
    finally:
        admin = await asyncpg.connect(postgres_admin_dsn)
        await admin.execute(f'DROP DATABASE IF EXISTS "crm_{other.service}" WITH (FORCE)')
        for kind in ("owner", "app", "worker"):
            await admin.execute(f"DROP ROLE IF EXISTS {other.service}_{kind}")
        await admin.close()


def make_versions(folder: Path, grants: str) -> Path:
    """Make a service's migrations folder: `versions`, and what is granted beside it."""
    (folder / "grants.toml").write_text(grants)
    (folder / "versions").mkdir()
    return folder / "versions"


CREATE_TABLE = """
from alembic import op
revision = "0001"
down_revision = None

def upgrade() -> None:
    op.execute("{}")
"""


async def test_rights_follow_the_written_table_in_a_database_that_had_others(fresh: Fresh, tmp_path: Path) -> None:
    await fresh.provision("plain")
    owner = await fresh.connect("owner", "plain")
    # As releases before 1.0 left it: everything to everybody, the migrations' own table too.
    await owner.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {fresh.service}_app, {fresh.service}_worker")
    versions = make_versions(tmp_path, 'notes = { app = "SELECT", worker = "SELECT, DELETE" }')
    (versions / "0001.py").write_text(CREATE_TABLE.format("CREATE TABLE notes (id int, name text)"))
    await asyncio.to_thread(migrate, fresh.owner_dsn, versions)
    assert await list_privileges(owner, fresh.service) == {
        ("notes", "app"): {"SELECT"}, ("notes", "worker"): {"SELECT", "DELETE"},
    }  # fmt: skip
    granted_by = "SELECT xmin::text FROM pg_class WHERE relname IN ('notes', 'alembic_version') ORDER BY 1"
    before = await owner.fetch(granted_by)
    await asyncio.to_thread(migrate, fresh.owner_dsn, versions)
    assert await owner.fetch(granted_by) == before
    await owner.close()


@pytest.mark.parametrize(
    "grants", ["", 'notes = { app = "SELECT", worker = "" }\nmore = { app = "", worker = "" }\n'], ids=["less", "more"]
)
async def test_a_table_without_an_entry_or_an_entry_without_a_table_stops_the_migration(
    fresh: Fresh, tmp_path: Path, grants: str
) -> None:
    await fresh.provision("plain")
    versions = make_versions(tmp_path, grants)
    (versions / "0001.py").write_text(CREATE_TABLE.format("CREATE TABLE notes (id int)"))
    with pytest.raises(WrongGrants, match=r"differ in: (notes|more)"):
        await asyncio.to_thread(migrate, fresh.owner_dsn, versions)


async def test_replicas_that_start_at_once_migrate_once(fresh: Fresh, tmp_path: Path) -> None:
    await fresh.provision("plain")
    text = (MIGRATIONS / "0001_things.py").read_text("utf-8")
    text = text.replace('ddl("things")', f'ddl("{fresh.service}")').replace('="things"', f'="{fresh.service}"')
    # Slow, so that the others do come meanwhile: whoever did not wait would find the table there.
    text = text.replace("    op.execute(TABLES)", '    op.execute("SELECT pg_sleep(0.3)")\n    op.execute(TABLES)')
    versions = make_versions(tmp_path, (MIGRATIONS.parent / "grants.toml").read_text("utf-8"))
    (versions / "0001_things.py").write_text(text)
    heads = await asyncio.gather(*(asyncio.to_thread(migrate, fresh.owner_dsn, versions) for _ in range(3)))
    assert heads == ["0001"] * 3
    assert await asyncio.to_thread(migrate, fresh.owner_dsn, versions) == "0001"
    owner = await fresh.connect("owner", "plain")
    assert await list_unprotected(owner) == []
    await owner.close()


async def test_a_migration_that_waits_for_a_table_lets_others_pass_and_tries_again(
    fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    await fresh.provision("plain")
    versions = make_versions(tmp_path, 'notes = { app = "", worker = "" }')
    (versions / "0001.py").write_text(CREATE_TABLE.format("CREATE TABLE notes (id int)"))
    await asyncio.to_thread(migrate, fresh.owner_dsn, versions)
    more = CREATE_TABLE.format("ALTER TABLE notes ADD COLUMN name text").replace('"0001"', '"0002"')
    (versions / "0002.py").write_text(more.replace("down_revision = None", 'down_revision = "0001"'))
    reader, other = await fresh.connect("owner", "plain"), await fresh.connect("owner", "plain")

    async with reader.transaction():
        await reader.execute("LOCK TABLE notes IN ACCESS SHARE MODE")  # as one who reads for long
        upgrade = asyncio.create_task(asyncio.to_thread(migrate, fresh.owner_dsn, versions))
        await wait_until(lambda: reader.fetchval(IS_WAITED_FOR))
        assert await other.fetchval("SELECT count(*) FROM notes", timeout=30) == 0  # not behind who waits for the table

    assert await upgrade == "0002"
    await reader.close()
    await other.close()


async def test_a_migration_that_fails_leaves_nothing_of_itself(fresh: Fresh, tmp_path: Path) -> None:
    await fresh.provision("plain")
    versions = make_versions(tmp_path, "")
    (versions / "0001_broken.py").write_text(
        'from alembic import op\nrevision = "0001"\ndown_revision = None\n\n\n'
        'def upgrade() -> None:\n    op.execute("CREATE TABLE half (n int)")\n    op.execute("SELECT nonsense")\n'
    )
    with pytest.raises(ProgrammingError):
        await asyncio.to_thread(migrate, fresh.owner_dsn, versions)
    owner = await fresh.connect("owner", "plain")
    assert await owner.fetchval("SELECT to_regclass('half')") is None
    await owner.close()
    with pytest.raises(FileNotFoundError):
        migrate(fresh.owner_dsn, tmp_path / "nowhere")


async def test_a_migration_that_finds_no_postgresql_says_so_itself(tmp_path: Path) -> None:
    once = migrate.retry_with(stop=stop_after_attempt(1))
    with pytest.raises(OperationalError, match="refused"):
        await asyncio.to_thread(once, "postgresql://nobody@127.0.0.1:1/nowhere", make_versions(tmp_path, ""))
