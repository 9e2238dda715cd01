"""SQL that keeps what deals' periods add up to, by day and by month of UTC, in the transactions that make them.

A past moment is then added up: of the months before it, of the days of its month, and of its own day the periods.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.sum_changes import apply_sum_changes
from crm_shared.database import Transaction

COLUMNS: Final = """tenant_id, pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open, stage_id,
       currency, closed_day, deal_count, valued_count, total_amount, created_epoch_s, stage_changed_epoch_s"""
# What `sides` come to: periods that are there now (`sign` 1) or were before (-1), with their deal's present owner. Each
# counts where it begins, and against where it ends. They are added up by owner and day first, these sums by all else.
LIST_SUMS: Final = """
    SELECT b.tenant_id, b.pipeline_id, grouping(b.owner_id) = 1 AS is_of_all, grouping(b.day) = 1 AS is_month,
           b.owner_id, COALESCE(b.day, b.month) AS first_day, b.held_by, b.is_open, b.stage_id, b.currency,
           b.closed_day, sum(b.deal_count)::bigint AS deal_count, sum(b.valued_count)::bigint AS valued_count,
           sum(b.total_amount) AS total_amount, sum(b.created_epoch_s) AS created_epoch_s,
           sum(b.stage_changed_epoch_s) AS stage_changed_epoch_s
      FROM (SELECT a.*, date_trunc('month', a.day::timestamp)::date AS month
              FROM (SELECT p.tenant_id, p.pipeline_id, p.present_owner_id AS owner_id, p.owner_id AS held_by,
                           p.status = 'OPEN' AS is_open, p.stage_id, p.currency,
                           CASE WHEN p.status <> 'OPEN' THEN (p.closed_at AT TIME ZONE 'UTC')::date END AS closed_day,
                           (e.at AT TIME ZONE 'UTC')::date AS day, sum(p.sign * e.sign) AS deal_count,
                           COALESCE(sum(p.sign * e.sign) FILTER (WHERE p.amount <> 0), 0) AS valued_count,
                           COALESCE(sum(p.sign * e.sign * p.amount), 0) AS total_amount,
                           sum(p.sign * e.sign * extract(epoch FROM p.created_at)) AS created_epoch_s,
                           sum(p.sign * e.sign * extract(epoch FROM p.stage_changed_at)) AS stage_changed_epoch_s
                      FROM {sides} p
                     CROSS JOIN LATERAL (VALUES (1, p.valid_from), (-1, p.valid_to)) AS e (sign, at)
                     WHERE e.at IS NOT NULL
                     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9) a) b
     GROUP BY b.tenant_id, b.pipeline_id, b.is_open, b.stage_id, b.currency, b.closed_day,
              GROUPING SETS ((b.owner_id, b.held_by, b.day), (b.owner_id, b.held_by, b.month), (b.day), (b.month))
    HAVING (sum(b.deal_count), sum(b.valued_count), sum(b.total_amount), sum(b.created_epoch_s),
            sum(b.stage_changed_epoch_s)) <> (0, 0, 0, 0, 0)"""
# What the periods say, of one tenant or of all, in the order of the columns.
RECOMPUTED: Final = LIST_SUMS.format(
    sides="""(
                SELECT 1 AS sign, f.owner_id AS present_owner_id, f.created_at, d.*
                  FROM deal_periods d
                  JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (d.tenant_id, d.deal_id)
                 WHERE $1::uuid IS NULL OR d.tenant_id = $1)"""
)
# Each period's fact is found by a hash: without statistics each would be held against each.
READ_WHOLE: Final = "SET LOCAL enable_nestloop = off"
DROP: Final = "DELETE FROM period_rollup WHERE $1::uuid IS NULL OR tenant_id = $1"
SUM_UP: Final = "INSERT INTO period_rollup (" + COLUMNS + ") " + RECOMPUTED

ADD: Final = (
    "INSERT INTO period_rollup AS r (" + COLUMNS + ")"  # noqa: S608 - texts of ours
    """
    SELECT *
      FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::boolean[], $5::uuid[], $6::date[], $7::uuid[],
                  $8::boolean[], $9::uuid[], $10::text[], $11::date[], $12::bigint[], $13::bigint[], $14::numeric[],
                  $15::numeric[], $16::numeric[])
     ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ON CONFLICT (tenant_id, pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open, stage_id, currency,
                 closed_day) DO UPDATE
       SET deal_count = r.deal_count + excluded.deal_count, valued_count = r.valued_count + excluded.valued_count,
           total_amount = r.total_amount + excluded.total_amount,
           created_epoch_s = r.created_epoch_s + excluded.created_epoch_s,
           stage_changed_epoch_s = r.stage_changed_epoch_s + excluded.stage_changed_epoch_s
    RETURNING r.ctid, (r.deal_count, r.valued_count, r.total_amount, r.created_epoch_s, r.stage_changed_epoch_s)
                      = (0, 0, 0, 0, 0) AS is_empty"""
)
DELETE_EMPTY: Final = """
    DELETE FROM period_rollup r
     WHERE r.ctid = ANY ($1::tid[])
       AND (r.deal_count, r.valued_count, r.total_amount, r.created_epoch_s, r.stage_changed_epoch_s) = (0, 0, 0, 0, 0)
"""


class PeriodChange(NamedTuple):
    """By how much one row differs, in the order of the table's columns."""

    tenant_id: UUID
    pipeline_id: UUID
    is_of_all: bool
    is_month: bool
    owner_id: UUID | None
    first_day: date
    held_by: UUID | None
    is_open: bool
    stage_id: UUID
    currency: str
    closed_day: date | None
    deal_count: int
    valued_count: int
    total_amount: Decimal
    created_epoch_s: Decimal
    stage_changed_epoch_s: Decimal


class FormerFact(NamedTuple):
    """Whose a deal was, and since when there was one, before its fact was written: what its periods were counted by."""

    tenant_id: UUID
    deal_id: UUID
    owner_id: UUID | None
    created_at: datetime


async def add_periods(transaction: Transaction, changes: Sequence[PeriodChange]) -> None:
    """Carry what changed into the sums. To come late in a transaction: the rows of today are few."""
    await apply_sum_changes(transaction, changes, add=ADD, delete_empty=DELETE_EMPTY)


async def recount_periods(transaction: Transaction) -> None:
    """Make the sums anew from the periods, over all tenants; nobody may write facts meanwhile."""
    await transaction.execute(READ_WHOLE)
    for statement in (DROP, SUM_UP):
        await transaction.execute(statement, None)
