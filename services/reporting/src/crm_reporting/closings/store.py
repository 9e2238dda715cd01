"""SQL that keeps what closed on each day of UTC, in the transactions that change facts.

Of a day in another zone the sums are a day's of UTC and, at its edges, the facts (`reports/closings/stretches.py`).
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.sum_changes import apply_sum_changes
from crm_shared.database import Transaction

# How what closed is put together, of facts `f` whose `sign` says whether they come or go: each is in a row of its
# owner and in one of all owners.
KEY: Final = """f.tenant_id, f.pipeline_id, grouping(f.owner_id) = 1 AS is_of_all, f.owner_id,
           (f.closed_at AT TIME ZONE 'UTC')::date AS closed_day, f.currency, f.status, f.stage_id"""
SUMS: Final = """sum(f.sign) AS deal_count, COALESCE(sum(f.sign) FILTER (WHERE f.amount <> 0), 0) AS valued_count,
           sum(f.sign * COALESCE(f.amount, 0)) AS total_amount,
           sum(f.sign * extract(epoch FROM GREATEST(f.closed_at - f.created_at, interval '0'))) AS total_cycle_s"""
BY_KEY: Final = """
     GROUP BY f.tenant_id, f.pipeline_id, closed_day, f.currency, f.status, f.stage_id, GROUPING SETS ((f.owner_id), ())
"""
COLUMNS: Final = """tenant_id, pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id, deal_count,
       valued_count, total_amount, total_cycle_s"""

# The statement that writes facts gives the changes; `sides` are the facts as they were and as they are.
LIST_CHANGES: Final = (
    "SELECT " + KEY + ", " + SUMS + " FROM sides f WHERE f.status <> 'OPEN'" + BY_KEY  # noqa: S608 - texts of ours
)
# What the facts say, in the order of the columns.
RECOMPUTED: Final = (
    "SELECT " + KEY + ", " + SUMS + " FROM (SELECT *, 1 AS sign FROM deal_facts) f"  # noqa: S608 - texts of ours
    " WHERE f.status <> 'OPEN' AND NOT f.is_deleted AND ($1::uuid IS NULL OR f.tenant_id = $1)" + BY_KEY
)
DROP: Final = "DELETE FROM closing_rollup WHERE $1::uuid IS NULL OR tenant_id = $1"
SUM_UP: Final = "INSERT INTO closing_rollup (" + COLUMNS + ") " + RECOMPUTED

ADD: Final = (
    "INSERT INTO closing_rollup AS r (" + COLUMNS + ")"  # noqa: S608 - texts of ours
    """
    SELECT *
      FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::uuid[], $5::date[], $6::text[], $7::text[], $8::uuid[],
                  $9::bigint[], $10::bigint[], $11::numeric[], $12::numeric[])
     ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id) DO UPDATE
       SET deal_count = r.deal_count + excluded.deal_count, valued_count = r.valued_count + excluded.valued_count,
           total_amount = r.total_amount + excluded.total_amount,
           total_cycle_s = r.total_cycle_s + excluded.total_cycle_s
    RETURNING r.ctid, r.deal_count = 0 AS is_empty"""
)
DELETE_EMPTY: Final = "DELETE FROM closing_rollup r WHERE r.ctid = ANY ($1::tid[]) AND r.deal_count = 0"


class ClosingChange(NamedTuple):
    """By how much one row differs, in the order of the table's columns."""

    tenant_id: UUID
    pipeline_id: UUID
    is_of_all: bool
    owner_id: UUID | None
    closed_day: date | None
    currency: str
    status: str
    stage_id: UUID
    deal_count: int
    valued_count: int
    total_amount: Decimal
    total_cycle_s: Decimal


async def add_closings(transaction: Transaction, changes: Sequence[ClosingChange]) -> None:
    """Carry what changed into the sums. To come late in a transaction: the rows of today are few."""
    await apply_sum_changes(transaction, changes, add=ADD, delete_empty=DELETE_EMPTY)


async def recount_closings(transaction: Transaction) -> None:
    """Make the sums anew from the facts, over all tenants; nobody may write facts meanwhile."""
    for statement in (DROP, SUM_UP):
        await transaction.execute(statement, None)
