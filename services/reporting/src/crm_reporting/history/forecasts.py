"""SQL that keeps what was to close in each month, and what was won, by when it began to be so.

The forecast of a past moment is then added up as the pipeline of one is (`history/sums.py`), from the same periods.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.sum_changes import apply_sum_changes
from crm_shared.database import Transaction

COLUMNS: Final = """tenant_id, pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by, stage_id,
       currency, deal_count, total_amount"""
# What `sides` come to, as in the sums of periods. A won period has no stage here, and closes on the day on which it
# did; an open one in the month of its close date.
LIST_SUMS: Final = """
    SELECT b.tenant_id, b.pipeline_id, grouping(b.owner_id) = 1 AS is_of_all, grouping(b.day) = 1 AS is_month,
           b.owner_id, b.closes_on, COALESCE(b.day, b.month) AS first_day, b.held_by, b.stage_id, b.currency,
           sum(b.deal_count)::bigint AS deal_count, sum(b.total_amount) AS total_amount
      FROM (SELECT a.*, date_trunc('month', a.day::timestamp)::date AS month
              FROM (SELECT p.tenant_id, p.pipeline_id, p.present_owner_id AS owner_id, p.owner_id AS held_by,
                           CASE WHEN p.status = 'OPEN' THEN p.stage_id END AS stage_id, p.currency,
                           CASE WHEN p.status = 'OPEN' THEN date_trunc('month', p.close_date::timestamp)::date
                                ELSE (p.closed_at AT TIME ZONE 'UTC')::date END AS closes_on,
                           (e.at AT TIME ZONE 'UTC')::date AS day, sum(p.sign * e.sign) AS deal_count,
                           COALESCE(sum(p.sign * e.sign * p.amount), 0) AS total_amount
                      FROM {sides} p
                     CROSS JOIN LATERAL (VALUES (1, p.valid_from), (-1, p.valid_to)) AS e (sign, at)
                     WHERE e.at IS NOT NULL AND (p.status = 'OPEN' AND p.close_date IS NOT NULL
                                                 OR p.status = 'WON' AND p.closed_at IS NOT NULL)
                     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) a) b
     GROUP BY b.tenant_id, b.pipeline_id, b.stage_id, b.currency, b.closes_on,
              GROUPING SETS ((b.owner_id, b.held_by, b.day), (b.owner_id, b.held_by, b.month), (b.day), (b.month))
    HAVING (sum(b.deal_count), sum(b.total_amount)) <> (0, 0)"""
# What the periods say, of one tenant or of all, in the order of the columns.
RECOMPUTED: Final = LIST_SUMS.format(
    sides="""(
                SELECT 1 AS sign, f.owner_id AS present_owner_id, d.*
                  FROM deal_periods d
                  JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (d.tenant_id, d.deal_id)
                 WHERE $1::uuid IS NULL OR d.tenant_id = $1)"""
)
DROP: Final = "DELETE FROM forecast_rollup WHERE $1::uuid IS NULL OR tenant_id = $1"
SUM_UP: Final = "INSERT INTO forecast_rollup (" + COLUMNS + ") " + RECOMPUTED

ADD: Final = (
    "INSERT INTO forecast_rollup AS r (" + COLUMNS + ")"  # noqa: S608 - texts of ours
    """
    SELECT *
      FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::boolean[], $5::uuid[], $6::date[], $7::date[],
                  $8::uuid[], $9::uuid[], $10::text[], $11::bigint[], $12::numeric[])
     ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ON CONFLICT (tenant_id, pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by, stage_id,
                 currency) DO UPDATE
       SET deal_count = r.deal_count + excluded.deal_count, total_amount = r.total_amount + excluded.total_amount
    RETURNING r.ctid, (r.deal_count, r.total_amount) = (0, 0) AS is_empty"""
)
DELETE_EMPTY: Final = """
    DELETE FROM forecast_rollup r WHERE r.ctid = ANY ($1::tid[]) AND (r.deal_count, r.total_amount) = (0, 0)
"""


class ForecastChange(NamedTuple):
    """By how much one row differs, in the order of the table's columns."""

    tenant_id: UUID
    pipeline_id: UUID
    is_of_all: bool
    is_month: bool
    owner_id: UUID | None
    closes_on: date
    first_day: date
    held_by: UUID | None
    stage_id: UUID | None
    currency: str
    deal_count: int
    total_amount: Decimal


async def add_forecasts(transaction: Transaction, changes: Sequence[ForecastChange]) -> None:
    """Carry what changed into the sums. To come late in a transaction: the rows of today are few."""
    await apply_sum_changes(transaction, changes, add=ADD, delete_empty=DELETE_EMPTY)


async def recount_forecasts(transaction: Transaction) -> None:
    """Make the sums anew from the periods, over all tenants; nobody may write facts meanwhile."""
    for statement in (DROP, SUM_UP):
        await transaction.execute(statement, None)
