"""Folds the changes of the board's sums into the sums, as long as the worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crm_shared.background import background, repeat
from crm_shared.database import Database

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
    # A statement is a transaction of its own; a BEGIN and a COMMIT would cost an idle worker two round trips a second.
    async with database.read_as_worker() as connection:
        return int(await connection.fetchval(FOLD, MAX_ROWS))


@asynccontextmanager
async def folding(database: Database) -> AsyncIterator[None]:
    """Keep folding while in the block."""

    async def fold_some() -> bool:
        return await fold(database) == MAX_ROWS

    async with background(repeat("stage_totals", fold_some, pause_s=PAUSE_S)):
        yield
