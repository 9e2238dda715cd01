"""What the worker does for custom fields as long as it runs: indexes are built and dropped, deleted values removed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from crm_shared.clock import Clock
from crm_shared.custom_fields.cleaning import Holders, ValueCleaner
from crm_shared.custom_fields.indexes import IndexKeeper
from crm_shared.database import Database
from crm_shared.settings import ServiceSettings

logger = structlog.get_logger(__name__)


@asynccontextmanager
async def keeping_custom_fields(
    settings: ServiceSettings, database: Database, holders: Sequence[Holders], clock: Clock
) -> AsyncIterator[None]:
    """Keep the custom fields of `holders` while in the block. `database` is the worker role's."""
    keeper = IndexKeeper(database, settings.owner_dsn.get_secret_value())
    cleaner = ValueCleaner(database, holders, clock)
    thorough_at = time.monotonic()  # at once: a killed worker may have left an index half built

    async def keep_indexes() -> None:
        nonlocal thorough_at
        is_due = time.monotonic() >= thorough_at
        if (is_due or await keeper.has_work()) and await keeper.settle() and is_due:
            thorough_at = time.monotonic() + settings.custom_field_repair_s

    async def clean_values() -> None:
        if await cleaner.has_work():
            await cleaner.settle()

    # Apart, as a large index takes its time.
    tasks = [asyncio.create_task(_repeat(work, settings.custom_field_check_s)) for work in (keep_indexes, clean_values)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round begins from what is there
            logger.warning("custom_field_upkeep_failed", work=work.__name__, error=repr(error))
        await asyncio.sleep(pause_s)
