"""What the benchmarks run on: engines of their own, one migrated service database with a tenant, and its processes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from crm_local.engines.ports import free_ports, http_get
from crm_shared.bus.topics import create_topics
from crm_shared.database import Database
from crm_testing.issuers import ThrowAwayIssuer
from crm_testing.migrated_databases import make_migrated_database
from crm_testing.people import SeededTenant, seed_tenant
from crm_testing.service_kit import PASSWORD

ROOT = Path(__file__).resolve().parents[1]
UP_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` is ours to the reference's, `aim` what we hold it against; either may be None."""

    what: str
    ours: str
    reference: str
    ratio: float | None = None
    aim: float | None = None


@dataclass(frozen=True)
class Arena:
    """A service's database with a tenant in it, and the environment its processes take."""

    tenant: SeededTenant
    issuer: ThrowAwayIssuer
    environment: Mapping[str, str]
    worker_dsn: str
    kafka_bootstrap: str

    @property
    def headers(self) -> dict[str, str]:
        """The ADMIN's."""
        return {"Authorization": f"Bearer {self.issuer.sign(self.tenant.id, self.tenant.admin.id, ttl_s=36000)}"}


@asynccontextmanager
async def prepared(service: str, admin_dsn: str, kafka_bootstrap: str = "") -> AsyncIterator[Arena]:
    """Provision and migrate `service`, make its topics (if there is a Kafka), seed a tenant."""
    name = f"bench_{service}_{uuid4().hex[:12]}"  # what one part leaves in its database must not meet the next
    migrations = ROOT / f"services/{service}/migrations/versions"
    await make_migrated_database(admin_dsn, service, migrations, name, PASSWORD)
    at = urlsplit(admin_dsn)
    dsn = {
        k: f"postgresql://{service}_{k}:{PASSWORD}@{at.hostname}:{at.port}/{name}" for k in ("app", "worker", "owner")
    }
    if kafka_bootstrap:
        await create_topics(kafka_bootstrap, service, groups={}, partitions=3, replication=1)
    database = await Database.open(dsn["worker"], max_size=2)
    tenant = await seed_tenant(database)
    await database.close()
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        issuer = ThrowAwayIssuer(Path(folder))
        environment = {
            **os.environ,
            f"CRM_{service.upper()}_DSN": dsn["app"],
            f"CRM_{service.upper()}_WORKER_DSN": dsn["worker"],
            f"CRM_{service.upper()}_OWNER_DSN": dsn["owner"],
            "CRM_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "CRM_AUTH_JWKS_URL": issuer.jwks_url,
            "CRM_AUTH_ISSUER": issuer.issuer,
            "CRM_AUTH_AUDIENCE": issuer.audience,
            "CRM_RATE_LIMIT_REQUESTS": "1000000000",
            "CRM_BATCH_LIMIT_ITEMS": "1000000000",
            "CRM_BATCH_FREE_ITEMS": "1000000000",  # a batch would look for who reads it: no worker runs here
            "BENCH_TENANT": str(tenant.id),
            "BENCH_USER": str(tenant.admin.id),
        }
        yield Arena(tenant, issuer, environment, dsn["worker"], kafka_bootstrap)


@contextmanager
def process(arena: Arena, *arguments: str) -> Iterator[int]:
    """Run `python -m …` of the project on a free port, which is given, until the block ends."""
    (port,) = free_ports(1)
    running = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", *arguments],
        env={**arena.environment, "CRM_HTTP_PORT": str(port)},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_listening(port, running)
        yield port
    finally:
        running.terminate()
        running.wait(timeout=120)


def _wait_until_listening(port: int, running: "subprocess.Popen[bytes]") -> None:
    give_up_at_s = time.monotonic() + UP_WITHIN_S
    while http_get(port, "/livez", timeout_s=1) is None:
        if running.poll() is not None or time.monotonic() > give_up_at_s:
            raise ConnectionError(f"{running.args!r} does not listen on port {port}")
        time.sleep(0.1)
