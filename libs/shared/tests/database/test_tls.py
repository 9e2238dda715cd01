"""PostgreSQL over TLS, as a DSN says it: the pool, the migrations and provisioning verify who answers."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from libs.shared.tests.http.things import MIGRATIONS
from sqlalchemy.exc import OperationalError

from crm_local.engines.account import engine_account
from crm_local.engines.ports import free_ports
from crm_local.engines.postgres import VOLATILE, Postgres
from crm_shared.database import Database
from crm_shared.database.migrations import migrate
from crm_shared.entry_points.provision import provision
from crm_testing.certificates import ThrowAwayAuthority

pytestmark = pytest.mark.engines

ENCRYPTED: Final = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Postgres, Path]]:
    """Run a server with a certificate, and give the file of the authority that vouches for it."""
    home = Path(tempfile.mkdtemp(prefix="crm-tls-"))
    home.chmod(0o755)  # the engines' account has to pass through
    authority = ThrowAwayAuthority(home)
    pair = authority.issue("postgres")
    pair.key.chmod(0o600)
    if account := engine_account():
        os.chown(pair.key, account.uid, account.gid)
    tls = {"ssl": "on", "ssl_cert_file": str(pair.certificate), "ssl_key_file": str(pair.key)}
    postgres = Postgres(home / "postgres", free_ports(1)[0], settings={**VOLATILE, **tls})
    try:
        postgres.start().wait_ready()
        yield postgres, authority.ca_file
    finally:
        postgres.kill()
        shutil.rmtree(home, ignore_errors=True)


def verified(dsn: str, ca_file: Path) -> str:
    return f"{dsn}?sslmode=verify-full&sslrootcert={ca_file}"


async def test_a_dsn_has_every_connection_encrypted_and_the_server_verified(server: tuple[Postgres, Path]) -> None:
    postgres, ca_file = server
    await provision(verified(postgres.admin_dsn, ca_file), "things", password_of=lambda _role: "plain")
    dsn = f"postgresql://things_{{}}:plain@127.0.0.1:{postgres.port}/crm_things"
    assert await asyncio.to_thread(migrate, verified(dsn.format("owner"), ca_file), MIGRATIONS) == "0001"
    worker = verified(dsn.format("worker"), ca_file)
    async with Database.opened(worker, max_size=1) as database, database.read_as_worker() as connection:
        assert await connection.fetchval(ENCRYPTED)


async def test_a_server_of_another_authority_is_not_spoken_to(server: tuple[Postgres, Path], tmp_path: Path) -> None:
    postgres, _ = server
    stranger = verified(postgres.admin_dsn, ThrowAwayAuthority(tmp_path).ca_file)
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        await asyncpg.connect(stranger)
    # The retry is for a server that is away, which this one looks like; one try shows what is refused.
    with pytest.raises(OperationalError, match="SSL error"):
        await asyncio.to_thread(migrate.__wrapped__, stranger, MIGRATIONS)
