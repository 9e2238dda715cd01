"""Forgets idempotency keys that are past their time, as long as the worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_shared.background import background, repeat
from crm_shared.database import Database
from crm_shared.http.idempotency import FORGET
from crm_shared.settings import ServiceSettings

PAUSE_S = 3600.0


@asynccontextmanager
async def worker_database_with_cleanup(settings: ServiceSettings) -> AsyncIterator[Database]:
    """Open the worker's database while in the block, and delete old answers from it once an hour."""
    dsn = settings.worker_dsn.get_secret_value()
    async with Database.opened(dsn, max_size=settings.database_pool_max_size) as database:

        async def forget() -> None:
            async with database.begin_as_worker() as transaction:
                await transaction.execute(FORGET, settings.idempotency_keep_h)

        async with background(repeat("idempotency_keys", forget, pause_s=PAUSE_S)):
            yield database
