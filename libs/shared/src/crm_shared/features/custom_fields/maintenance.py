"""What the worker does for custom fields as long as it runs: indexes are built and dropped, deleted values removed."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_shared.background import background, repeat
from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock
from crm_shared.database import Database
from crm_shared.features.custom_fields.cleaning import RecordAdapters, ValueCleaner
from crm_shared.features.custom_fields.indexes import IndexKeeper
from crm_shared.features.custom_fields.settings import CustomFieldSettings


@asynccontextmanager
async def maintaining_custom_fields(
    settings: CustomFieldSettings,
    database: Database,
    adapters: RecordAdapters,
    clock: Clock,
    backpressure: Backpressure | None = None,
) -> AsyncIterator[None]:
    """Keep the custom fields of `adapters` while in the block. `database` is the worker role's."""
    keeper = IndexKeeper(database, settings.owner_dsn.get_secret_value())
    cleaner = ValueCleaner(database, adapters, clock, backpressure)
    thorough_at = time.monotonic()  # at once: a killed worker may have left an index half built

    async def keep_indexes() -> None:
        nonlocal thorough_at
        is_due = time.monotonic() >= thorough_at
        if (is_due or await keeper.has_work()) and await keeper.converge() and is_due:
            thorough_at = time.monotonic() + settings.custom_field_repair_s

    async def clean_values() -> None:
        if await cleaner.has_work():
            await cleaner.converge()

    # Apart, as a large index takes its time.
    pause_s = settings.custom_field_check_s
    async with background(
        repeat("custom_field_indexes", keep_indexes, pause_s=pause_s),
        repeat("custom_field_values", clean_values, pause_s=pause_s),
    ):
        yield
