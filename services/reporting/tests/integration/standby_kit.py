"""A primary with a standby whose replay tests hold and let go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from crm_local.engines import Postgres, PostgresStandby
from crm_reporting.freshness.backlog import OldestWaiting

IS_HELD: Final = "SELECT true FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


IS_LOCKED: Final = """
    SELECT true FROM pg_locks WHERE relation = to_regclass($1) AND mode = 'AccessExclusiveLock' AND granted
"""


# What has not committed reaches a standby only when something else is flushed.
FLUSH: Final = "SELECT pg_logical_emit_message(false, 'test', '', flush => true)"


MEGABYTE: Final = "SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000))"


@dataclass(frozen=True)
class Pair:
    """The two servers, and an administrator's connection to the tests' database on each."""

    primary: Postgres
    standby: PostgresStandby
    database: str

    async def on_primary(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.primary.admin_dsn, database=self.database)

    async def ask_standby(self, question: str, *values: Any) -> Any:
        connection = await asyncpg.connect(self.standby.admin_dsn, database=self.database)
        try:
            return await connection.fetchval(question, *values)
        finally:
            await connection.close()

    @asynccontextmanager
    async def locking(self, table: str) -> AsyncIterator[None]:
        """Have whoever reads `table` wait, on the primary and, from some moment on, on the standby."""
        connection = await self.on_primary()
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
            await connection.execute(FLUSH)
            yield
        finally:
            await transaction.rollback()
            await connection.close()

    async def write_megabytes(self, count: int) -> None:
        connection = await self.on_primary()
        for _ in range(count):
            await connection.execute(MEGABYTE)
        await connection.close()


class NothingWaits:
    """In place of Kafka: all that was told of deals was taken from it."""

    async def find_oldest(self) -> OldestWaiting:
        return {"crm.deal": None}
