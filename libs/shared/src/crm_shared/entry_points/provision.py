"""Creates a service's database and its three roles. Run by an administrator's connection; safe to run again."""

from collections.abc import Callable, Iterable
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import asyncpg

from crm_shared.database import public_functions
from crm_shared.features.custom_fields.schema import functions_ddl
from crm_shared.service_registry import find_service

RoleKind = Literal["owner", "app", "worker"]
ROLE_KINDS: tuple[RoleKind, ...] = ("owner", "app", "worker")


# By default everybody may connect to these and look around in their catalogues.
# A hosted server's administrator may not own them: then its operator closes them (docs/guides/securing.md).
CLOSE_SHARED_DATABASES: Final = """
    DO $$
    DECLARE
        shared name;
    BEGIN
        FOR shared IN SELECT datname FROM pg_database
                       WHERE datname IN ('postgres', 'template1') AND has_database_privilege('public', oid, 'CONNECT')
        LOOP
            EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', shared);
        END LOOP;
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END $$
"""


async def provision(
    admin_dsn: str, service: str, *, password_of: Callable[[str], str], database: str | None = None
) -> None:
    """Make database `crm_<service>` (or `database`) with `<service>_owner`, `_app` and `_worker`.

    `password_of(role)` gives each role's password, which is set anew at every run. None of the three is a
    superuser or may bypass row-level security, or connect to another service's database or to `postgres`. What the
    other two may do with the owner's tables is said by `crm_shared.database.grants`. A superuser also makes the
    leak-proof functions that indexes on custom fields need (docs/decisions/0014-custom-field-indexes.md); without them
    such lists are as right, and slower. Where strangers have logins, for BI tools, a superuser closes to them what they
    could stop the services with (`public_functions`).
    """
    database = database or f"crm_{service}"
    admin = await asyncpg.connect(admin_dsn)
    try:
        # Roles belong to the cluster: two that run at once would trip over each other's half-made ones.
        await admin.execute("SELECT pg_advisory_lock(hashtextextended('crm provision', 0))")
        await admin.execute(CLOSE_SHARED_DATABASES)
        for kind in ROLE_KINDS:
            await _create_role(admin, f"{service}_{kind}", password_of(f"{service}_{kind}"))
        if find_service(service).has_bi_views:
            await _create_group(admin, f"{service}_bi")
        if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
            await admin.execute(f'CREATE DATABASE "{database}" OWNER {service}_owner')
        inside = await asyncpg.connect(admin_dsn, database=database)
        try:
            await inside.execute(_grants(service, database))
            if await inside.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
                await inside.execute(functions_ddl(leakproof=True))
                if find_service(service).has_bi_views:
                    await inside.execute(public_functions.closing([f"{service}_{kind}" for kind in ROLE_KINDS]))
        finally:
            await inside.close()
    finally:
        await admin.close()


def password_by_role(dsns: Iterable[str]) -> dict[str, str]:
    """Read roles and their passwords from the DSNs that the service itself will use."""
    parts = [urlsplit(dsn) for dsn in dsns]
    return {unquote(part.username or ""): unquote(part.password or "") for part in parts}


async def _create_group(admin: asyncpg.Connection, group: str) -> None:
    """Make a role that nobody logs in as: what it may do is the migrations' to say, who is in it others'."""
    await admin.execute(f"""
        DO $$ BEGIN
            CREATE ROLE {group} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$;
    """)


async def _create_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    quoted = await admin.fetchval("SELECT quote_literal($1::text)", password)
    await admin.execute(f"""
        DO $$ BEGIN
            CREATE ROLE {role};
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$;
    """)
    await admin.execute(
        f"ALTER ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {quoted}"
    )


def _grants(service: str, database: str) -> str:
    readers = f"{service}_app, {service}_worker"
    return f"""
        REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;
        GRANT CONNECT ON DATABASE "{database}" TO {service}_owner, {readers};
        ALTER SCHEMA public OWNER TO {service}_owner;
        GRANT USAGE ON SCHEMA public TO {readers};
        ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner IN SCHEMA public REVOKE ALL ON TABLES FROM {readers};
        ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner IN SCHEMA public REVOKE ALL ON SEQUENCES FROM {readers};
        ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
        ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner IN SCHEMA public
            GRANT EXECUTE ON FUNCTIONS TO {readers};
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE EXTENSION IF NOT EXISTS btree_gin;
    """
