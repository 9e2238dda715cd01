"""SQL that keeps why deals were lost, by day of UTC, in the transactions that change facts."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.sum_changes import apply_sum_changes
from crm_shared.database import Transaction

# As closings are: of facts `f` whose `sign` says whether they come or go, each in a row of its owner and in one of all.
KEY: Final = """f.tenant_id, f.pipeline_id, grouping(f.owner_id) = 1 AS is_of_all, f.owner_id,
           (f.closed_at AT TIME ZONE 'UTC')::date AS closed_day, f.lost_reason"""
BY_KEY: Final = " GROUP BY f.tenant_id, f.pipeline_id, closed_day, f.lost_reason, GROUPING SETS ((f.owner_id), ())"
IS_LOST: Final = "f.status = 'LOST' AND f.closed_at IS NOT NULL"
COLUMNS: Final = "tenant_id, pipeline_id, is_of_all, owner_id, closed_day, lost_reason, deal_count"

# The statement that writes facts gives the changes; `sides` are the facts as they were and as they are.
LIST_CHANGES: Final = (
    "SELECT "  # noqa: S608 - texts of ours
    + KEY
    + ", sum(f.sign) AS deal_count FROM sides f WHERE "
    + IS_LOST
    + BY_KEY
    + " HAVING sum(f.sign) <> 0"
)
# What the facts say, of one tenant or of all, in the order of the columns.
RECOMPUTED: Final = (
    "SELECT "  # noqa: S608 - texts of ours
    + KEY
    + ", count(*) AS deal_count FROM deal_facts f WHERE "
    + IS_LOST
    + " AND NOT f.is_deleted AND ($1::uuid IS NULL OR f.tenant_id = $1)"
    + BY_KEY
)
DROP: Final = "DELETE FROM loss_rollup WHERE $1::uuid IS NULL OR tenant_id = $1"
SUM_UP: Final = "INSERT INTO loss_rollup (" + COLUMNS + ") " + RECOMPUTED

ADD: Final = (
    "INSERT INTO loss_rollup AS r (" + COLUMNS + ")"  # noqa: S608 - texts of ours
    """
    SELECT *
      FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::uuid[], $5::date[], $6::text[], $7::bigint[])
     ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, lost_reason) DO UPDATE
       SET deal_count = r.deal_count + excluded.deal_count
    RETURNING r.ctid, r.deal_count = 0 AS is_empty"""
)
DELETE_EMPTY: Final = "DELETE FROM loss_rollup r WHERE r.ctid = ANY ($1::tid[]) AND r.deal_count = 0"


class LossChange(NamedTuple):
    """By how much one row differs, in the order of the table's columns."""

    tenant_id: UUID
    pipeline_id: UUID
    is_of_all: bool
    owner_id: UUID | None
    closed_day: date
    lost_reason: str | None
    deal_count: int


async def add_losses(transaction: Transaction, changes: Sequence[LossChange]) -> None:
    """Carry what changed into the sums. To come late in a transaction: the rows of today are few."""
    await apply_sum_changes(transaction, changes, add=ADD, delete_empty=DELETE_EMPTY)


async def recount_losses(transaction: Transaction) -> None:
    """Make the sums anew from the facts, over all tenants; nobody may write facts meanwhile."""
    for statement in (DROP, SUM_UP):
        await transaction.execute(statement, None)
