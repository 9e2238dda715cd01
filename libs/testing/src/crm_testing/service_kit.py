"""One service, in this process, on a database of its own: what the integration tests of every service run against.

A service's conftest makes it once for its session, and a tenant for each test:

    @pytest.fixture(scope="session")
    async def deals(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[DealsSettings]]:
        async with running_service(DealsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn) as kit:
            yield kit

    @pytest.fixture
    async def tenant(deals: ServiceKit[DealsSettings]) -> SeededTenant:
        return await deals.seed_tenant()

A test then calls `await deals.client(tenant.rep).post("/v1/deals", json=...)`, reads what was told with
`await deals.take_events(tenant.id)`, and feeds a consumer with `await consumer([to_event(...)], deals.database)`.
"""

import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import asyncpg
import httpx
from fastapi import FastAPI

from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.database.rls import list_unprotected
from crm_shared.database.time_range_checks import list_unchecked_times
from crm_shared.settings import ServiceSettings
from crm_testing.declared_problems import DeclaredProblems
from crm_testing.issuers import ThrowAwayIssuer
from crm_testing.migrated_databases import make_migrated_database
from crm_testing.people import Person, SeededTenant, seed_tenant
from crm_testing.positioned_writes import require_position
from crm_testing.published import take_events

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)

PASSWORD: Final = "secret"  # noqa: S105 - of a throw-away engine; the same everywhere, as roles belong to the cluster
NOBODY_URL: Final = "http://127.0.0.1:9"
"""Where no other service answers: a test that needs one says so in its settings."""

# The server writes the statement out: a name is data here. `xmin` tells a row rewritten with the same values.
LIST_ROWS: Final = """
    SELECT query_to_xml(format('SELECT to_jsonb(t) AS row, t.xmin FROM %I AS t ORDER BY to_jsonb(t)::text', $1::text),
                        true, false, '')::text
"""

FIND_ROLES: Final = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'directory_users_role_check'"


@dataclass
class ServiceKit(Generic[SettingsT]):
    """`database` is the worker role's: it sees all tenants. `app` runs, with its lifespan, until the kit is closed."""

    settings: SettingsT
    app: FastAPI
    database: Database
    issuer: ThrowAwayIssuer
    _clients: dict[str | None, httpx.AsyncClient] = field(default_factory=dict, repr=False)
    _declared: DeclaredProblems = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._declared = DeclaredProblems(self.app)

    async def seed_tenant(self, *, manager_scope: str = "DIRECT", default_region: str = "DE") -> SeededTenant:
        """Write a tenant of its own (EUR, Berlin) with ADMIN, MANAGER, their REP and another REP."""
        return await seed_tenant(self.database, manager_scope=manager_scope, default_region=default_region)

    def client(self, person: Person) -> httpx.AsyncClient:
        """Return a client that calls as `person`."""
        return self.client_with(f"Bearer {self.issuer.sign(person.tenant_id, person.id)}")

    def client_with(self, authorization: str | None) -> httpx.AsyncClient:
        """Return a client that sends this Authorization header, or none.

        It fails where a problem is not declared, and where a write's answer has no position.
        """
        if authorization not in self._clients:
            self._clients[authorization] = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=self.app),
                base_url=f"http://{self.settings.service}.test",
                headers={"Authorization": authorization} if authorization is not None else {},
                trust_env=False,
                event_hooks={"response": [self._declared.check, require_position]},
            )
        return self._clients[authorization]

    async def take_events(self, tenant_id: uuid.UUID) -> list[Event]:
        """Take what this tenant's commands have put into the outbox, in order, each held against its schema."""
        return await take_events(self.database, tenant_id)

    async def list_rows(self, *tables: str) -> dict[str, list[str]]:
        """Return each table's rows as text, with their last writer: equal before and after, nothing was written."""
        async with self.database.read_as_worker() as connection:
            return {table: (await connection.fetchval(LIST_ROWS, table)).splitlines() for table in tables}

    async def list_roles(self) -> set[str]:
        """Return the roles that the database lets a user have."""
        async with self.database.read_as_worker() as connection:
            return set((await connection.fetchval(FIND_ROLES)).split("'")[1::2])

    async def list_unprotected(self) -> Sequence[str]:
        """Name the tables without row-level security."""
        async with self.database.read_as_worker() as connection:
            return await list_unprotected(connection)

    async def list_unchecked_times(self) -> Sequence[str]:
        """Name the columns that would take a moment or a day outside the window."""
        async with self.database.read_as_worker() as connection:
            return await list_unchecked_times(connection)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@asynccontextmanager
async def running_service(
    settings_type: type[SettingsT],
    make_app: Callable[[SettingsT], FastAPI],
    migrations: Path,
    *,
    admin_dsn: str,
    **overrides: Any,
) -> AsyncIterator[ServiceKit[SettingsT]]:
    """Provision and migrate a database, start the application in it, and drop all of it at the end.

    `overrides` are settings by name: `max_body_bytes=4096`, `contacts_url=...`.
    """
    service = str(settings_type.model_fields["service"].default)
    name = f"test_{service}_{uuid.uuid4().hex[:12]}"
    try:
        await make_migrated_database(admin_dsn, service, migrations, name, PASSWORD)
        with tempfile.TemporaryDirectory(prefix="crm-test-") as folder:
            issuer = ThrowAwayIssuer(Path(folder))
            values = {**_settings_for(admin_dsn, service, name, issuer), **overrides}
            settings = settings_type.model_validate(values)
            async with _open(settings, make_app, issuer) as kit:
                yield kit
    finally:
        await _drop(admin_dsn, name)


def _settings_for(admin_dsn: str, service: str, database: str, issuer: ThrowAwayIssuer) -> Mapping[str, Any]:
    address = urlsplit(admin_dsn)
    dsns = {
        kind: f"postgresql://{service}_{kind}:{PASSWORD}@{address.hostname}:{address.port}/{database}"
        for kind in ("app", "worker", "owner")
    }
    return {
        "dsn": dsns["app"],
        "worker_dsn": dsns["worker"],
        "owner_dsn": dsns["owner"],
        "auth_jwks_url": issuer.jwks_url,
        "auth_issuer": issuer.issuer,
        "auth_audience": issuer.audience,
        "contacts_url": NOBODY_URL,
        "deals_url": NOBODY_URL,
        "directory_cache_s": 0,  # tests change roles and look at once
        "rate_limit_requests": 1_000_000,
        "rate_limit_tenant_requests": 1_000_000,
        "rate_limit_bad_tokens": 1_000_000,
    }


@asynccontextmanager
async def _open(
    settings: SettingsT, make_app: Callable[[SettingsT], FastAPI], issuer: ThrowAwayIssuer
) -> AsyncIterator[ServiceKit[SettingsT]]:
    database = await Database.open(settings.worker_dsn.get_secret_value(), max_size=4)
    app = make_app(settings)
    kit = ServiceKit(settings, app, database, issuer)
    try:
        async with app.router.lifespan_context(app):
            yield kit
    finally:
        await kit.close()
        await database.close()


async def _drop(admin_dsn: str, name: str) -> None:
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()
