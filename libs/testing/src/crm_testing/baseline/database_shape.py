"""A service's database as its code meets it: read off the catalogue once its migrations have run."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from crm_shared.database.migrations import NEWEST, migrate
from crm_shared.entry_points.provision import provision
from crm_testing.baseline.folder import Shape
from crm_testing.baseline.migration_statements import Ran, recording

PASSWORD: Final = "secret"  # noqa: S105 - of a throw-away engine; the same everywhere, as roles belong to the cluster

_TABLES: Final = """
    SELECT c.oid, n.nspname || '.' || c.relname AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_COLUMNS: Final = """
    SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
           a.atthasdef OR a.attidentity <> '' AS has_default, pg_get_expr(d.adbin, d.adrelid) AS default,
           a.attgenerated <> '' OR a.attidentity = 'a' AS is_computed
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
"""
# That a column takes no NULL is told of the column.
_RULES: Final = """
    SELECT 'constraint ' || conname AS name, pg_get_constraintdef(oid) AS rule,
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS columns
      FROM pg_constraint WHERE conrelid = $1 AND contype <> 'n'
    UNION ALL
    SELECT 'index ' || c.relname, pg_get_indexdef(i.indexrelid),
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey))
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1 AND i.indisunique
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT 'trigger ' || tgname, pg_get_triggerdef(oid), '{}' FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal
    UNION ALL
    SELECT 'policy ' || p.polname,
           concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd::text,
                     pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)), '{}'
      FROM pg_policy p WHERE p.polrelid = $1
"""
_RIGHTS: Final = """
    SELECT regexp_replace(a.grantee::regrole::text, '^[a-z]+_', '') || ' ' || lower(a.privilege_type)
      FROM pg_class c, aclexplode(c.relacl) a
     WHERE c.oid = $1 AND a.grantee <> 0 AND a.grantee <> c.relowner
"""
_FUNCTIONS: Final = """
    SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') ' || pg_get_function_result(p.oid)
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = 'public' AND p.prokind = 'f'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Migrated:
    """`statements` by revision: what the migrations after the release ran."""

    shape: Shape
    revision: str
    statements: dict[str, Sequence[Ran]]


async def build(service: str, admin_dsn: str, *, released: str | None = None) -> Migrated:
    """Make a database of `service` as this tree's migrations do, read it, and drop it.

    `released`: the release's newest revision, from where on statements are written down.
    """
    name = f"test_{service}_{uuid.uuid4().hex[:12]}"
    versions = Path(str(import_module(f"crm_{service}").__file__)).parents[2] / "migrations" / "versions"
    await provision(admin_dsn, service, password_of=lambda _role: PASSWORD, database=name)
    address = urlsplit(admin_dsn)
    owner_dsn = f"postgresql://{service}_owner:{PASSWORD}@{address.hostname}:{address.port}/{name}"
    try:
        if released is not None:
            await asyncio.to_thread(migrate, owner_dsn, versions, until=released)
        with recording() as statements:
            revision = await asyncio.to_thread(migrate, owner_dsn, versions, until=NEWEST)
        return Migrated(await _read_shape(admin_dsn, name), revision, statements.of_database(name))
    finally:
        server = await asyncpg.connect(admin_dsn)
        await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await server.close()


async def _read_shape(admin_dsn: str, database: str) -> Shape:
    connection = await asyncpg.connect(admin_dsn, database=database)
    try:
        tables = {one["name"]: await _read_table(connection, one["oid"]) for one in await connection.fetch(_TABLES)}
        functions = sorted(one[0] for one in await connection.fetch(_FUNCTIONS))
    finally:
        await connection.close()
    return {"tables": tables, "functions": functions}


async def _read_table(connection: asyncpg.Connection, table: int) -> dict[str, Any]:
    columns = {
        one["name"]: {key: one[key] for key in ("type", "not_null", "has_default", "default", "is_computed")}
        for one in await connection.fetch(_COLUMNS, table)
    }
    rules = {
        one["name"]: {"rule": one["rule"], "columns": sorted(one["columns"])}
        for one in await connection.fetch(_RULES, table)
    }
    rights = sorted(one[0] for one in await connection.fetch(_RIGHTS, table))
    return {"columns": columns, "rules": rules, "rights": rights}
