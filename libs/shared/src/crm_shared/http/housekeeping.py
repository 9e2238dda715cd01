"""Forgets idempotency keys that are past their time, as long as the worker runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from crm_shared.database import Database
from crm_shared.database.outages import is_away
from crm_shared.http.idempotency import FORGET
from crm_shared.settings import ServiceSettings

logger = structlog.get_logger(__name__)
PAUSE_S = 3600.0


async def _forget_hourly(database: Database, keep_h: int) -> None:
    while True:
        try:
            async with database.begin_as_worker() as transaction:
                await transaction.execute(FORGET, keep_h)
        except Exception as error:
            if not is_away(error):
                raise
            logger.warning("idempotency_keys_kept", error=type(error).__name__)
        await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def keeping_house(settings: ServiceSettings) -> AsyncIterator[Database]:
    """Open the worker's database while in the block, and delete old answers from it once an hour."""
    dsn = settings.worker_dsn.get_secret_value()
    async with Database.opened(dsn, max_size=settings.database_pool_max_size) as database:
        task = asyncio.create_task(_forget_hourly(database, settings.idempotency_keep_h))
        try:
            yield database
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
