"""A deal's next step: its earliest open task or meeting, which stands in the deal's own row."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, LiteralString
from uuid import UUID

from crm_shared.background import background, repeat
from crm_shared.database import Database, Transaction

PAUSE_S: Final = 1.0
BATCH_ROWS: Final = 500

MARGIN_S: Final = 10.0
"""How long a step has been due before its deal is written down as OVERDUE: more than clocks of two machines differ."""


class NextStep(StrEnum):
    NONE = "none"
    OVERDUE = "overdue"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Condition:
    """A WHERE text for deals `d` of the tenant $1, with `{now}` for a placeholder. `is_by_id`: it names few deals."""

    sql: LiteralString
    is_by_id: bool = False


# What is due depends on the clock, so no row can say it for good. OVERDUE is written by and by, by one who looks for
# what came due, and never too early: with it the old ones are found by an index in the list's order. What came due
# since is found by its due time; it is so little that its order costs nothing. The inner LIMIT, more than comes due for
# a tenant before it is written down, is there for the planner: it then reads by that index, however old its statistics
# are.
CONDITIONS: Final[Mapping[NextStep, tuple[Condition, ...]]] = {
    NextStep.NONE: (Condition("d.status = 'OPEN' AND d.next_step = 'NONE'"),),
    NextStep.OVERDUE: (
        Condition("d.status = 'OPEN' AND d.next_step = 'OVERDUE'"),
        Condition(
            """d.status = 'OPEN' AND d.next_step = 'PLANNED' AND d.id = ANY (ARRAY(
            SELECT due.id
              FROM deals due
             WHERE due.tenant_id = $1 AND due.deleted_at IS NULL AND due.status = 'OPEN' AND due.next_step = 'PLANNED'
               AND due.next_due_at <= {now}
             ORDER BY due.next_due_at
             LIMIT 20000))""",
            is_by_id=True,
        ),
    ),
    NextStep.PLANNED: (
        Condition("d.status = 'OPEN' AND d.next_step = 'PLANNED' AND (d.next_due_at IS NULL OR d.next_due_at > {now})"),
    ),
}
"""By step; no deal is in two conditions."""

# A statement of its own before the one that reads: it waits for whoever else has an activity of the deal, and what is
# read afterwards has that one's too.
LOCK_DEALS: Final = """
    SELECT d.id
      FROM deals d
      JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) USING (tenant_id, id)
     ORDER BY d.tenant_id, d.id
       FOR NO KEY UPDATE OF d
"""
# By due time, then id; what has no date comes last, oldest first.
SETTLE: Final = """
    UPDATE deals d
       SET next_activity_id = first.activity_id, next_due_at = first.due_at,
           next_step = CASE WHEN first.activity_id IS NULL THEN 'NONE'
                            WHEN first.due_at <= now() - make_interval(secs => $3) THEN 'OVERDUE'
                            ELSE 'PLANNED' END
      FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
      LEFT JOIN LATERAL (
           SELECT a.activity_id, a.due_at
             FROM deal_activities a
            WHERE a.tenant_id = wanted.tenant_id AND a.deal_id = wanted.id AND a.is_open
            ORDER BY a.due_at, a.activity_id
            LIMIT 1) AS first ON true
     WHERE d.tenant_id = wanted.tenant_id AND d.id = wanted.id
       AND (d.next_activity_id, d.next_due_at) IS DISTINCT FROM (first.activity_id, first.due_at)
"""

# Tenant by tenant, so that none waits for another's. One that somebody holds is left for the next round.
MARK_OVERDUE: Final = """
    WITH due AS MATERIALIZED (
        SELECT late.tenant_id, late.id
          FROM directory_tenants t
         CROSS JOIN LATERAL (
               SELECT d.tenant_id, d.id
                 FROM deals d
                WHERE d.tenant_id = t.tenant_id AND d.deleted_at IS NULL AND d.status = 'OPEN'
                  AND d.next_step = 'PLANNED' AND d.next_due_at <= now() - make_interval(secs => $1)
                ORDER BY d.next_due_at
                LIMIT $2
                  FOR NO KEY UPDATE SKIP LOCKED) AS late
    ), marked AS (
        UPDATE deals d SET next_step = 'OVERDUE'
          FROM due
         WHERE d.tenant_id = due.tenant_id AND d.id = due.id
        RETURNING d.tenant_id
    )
    SELECT COALESCE(max(of_one.count), 0) FROM (SELECT count(*) FROM marked GROUP BY tenant_id) AS of_one
"""


async def recompute(transaction: Transaction, deals: Collection[tuple[UUID, UUID]]) -> None:
    """Write each deal's earliest open activity, by (tenant id, deal id), into its row."""
    if not deals:
        return
    wanted = sorted(deals)
    keys = [tenant_id for tenant_id, _ in wanted], [deal_id for _, deal_id in wanted]
    await transaction.execute(LOCK_DEALS, *keys)
    await transaction.execute(SETTLE, *keys, MARGIN_S)


async def mark_overdue(database: Database) -> bool:
    """Write down what came due, up to BATCH_ROWS of each tenant; tell whether one has more. By the worker's role."""
    # A statement is a transaction of its own, without the round trips of a BEGIN and a COMMIT.
    async with database.read_as_worker() as connection:
        most = await connection.fetchval(MARK_OVERDUE, MARGIN_S, BATCH_ROWS)
    return bool(most == BATCH_ROWS)


@asynccontextmanager
async def marking_overdue(database: Database) -> AsyncIterator[None]:
    """Keep writing down what came due while in the block."""

    async def mark() -> bool:
        return await mark_overdue(database)

    async with background(repeat("next_steps", mark, pause_s=PAUSE_S)):
        yield
