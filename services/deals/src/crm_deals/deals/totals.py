"""Folds the changes of the board's sums into the sums, as long as the worker runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from crm_shared.database import Database
from crm_shared.database.outages import is_away, is_contended

logger = structlog.get_logger(__name__)
PAUSE_S = 1.0
MAX_ROWS = 20_000

# Sorted, so that two workers that fold at once lock the sums in one order.
FOLD = """
    WITH taken AS (
        DELETE FROM stage_total_changes
         WHERE position IN (SELECT position FROM stage_total_changes ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING tenant_id, pipeline_id, stage_id, owner_id, currency, count, total
    ), folded AS (
        INSERT INTO stage_totals AS t (tenant_id, pipeline_id, stage_id, owner_id, currency, count, total)
        SELECT tenant_id, pipeline_id, stage_id, owner_id, currency, sum(count), sum(total)
          FROM taken
         GROUP BY 1, 2, 3, 4, 5
        HAVING sum(count) <> 0 OR sum(total) <> 0
         ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (tenant_id, pipeline_id, stage_id, owner_id, currency) DO UPDATE
           SET count = t.count + excluded.count, total = t.total + excluded.total
    )
    SELECT count(*) FROM taken
"""


async def fold(database: Database) -> int:
    """Fold up to MAX_ROWS changes in; give their number. `database` is the worker role's."""
    async with database.begin_as_worker() as transaction:
        return int(await transaction.fetchval(FOLD, MAX_ROWS))


async def _fold_on(database: Database) -> None:
    while True:
        try:
            if await fold(database) == MAX_ROWS:
                continue
        except Exception as error:
            if not (is_away(error) or is_contended(error)):
                raise
            logger.warning("stage_totals_wait", error=type(error).__name__)
        await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def folding(database: Database) -> AsyncIterator[None]:
    """Keep folding while in the block."""
    task = asyncio.create_task(_fold_on(database))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
