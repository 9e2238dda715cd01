"""A service's database whose rows can be put aside and brought back, as a backup and its restoration do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from crm_shared.settings import ServiceSettings

LIST_TABLES: Final = """
    SELECT c.relname AS name,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
     GROUP BY c.relname
"""


class Restorable:
    """`admin` is connected to the service's database as a superuser, whom neither triggers nor walls stop."""

    def __init__(self, admin: asyncpg.Connection) -> None:
        self._admin = admin

    async def back_up(self) -> None:
        """Keep all rows as they are now."""
        await self._admin.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
        for table in await self._admin.fetch(LIST_TABLES):
            await self._admin.execute(f"CREATE TABLE kept.{table['name']} AS TABLE public.{table['name']}")

    async def restore(self) -> None:
        """Bring the kept rows back, in place of all that are there."""
        tables = await self._admin.fetch(LIST_TABLES)
        async with self._admin.transaction():
            await self._admin.execute("SET LOCAL session_replication_role = replica")
            await self._admin.execute(f"TRUNCATE {', '.join(table['name'] for table in tables)}")
            for table in tables:
                columns, name = table["columns"], table["name"]
                await self._admin.execute(
                    f"INSERT INTO public.{name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM kept.{name}"  # noqa: S608
                )


@asynccontextmanager
async def restorable(admin_dsn: str, settings: ServiceSettings) -> AsyncIterator[Restorable]:
    """Yield the database of a service that runs with `settings`."""
    database = urlsplit(settings.dsn.get_secret_value()).path.removeprefix("/")
    admin = await asyncpg.connect(admin_dsn, database=database)
    try:
        yield Restorable(admin)
    finally:
        await admin.close()
