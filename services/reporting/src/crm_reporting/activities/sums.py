"""SQL that keeps what each user did on each day of UTC, in the transactions that change activities' facts.

A report's days are its zone's: it takes the sums, and at the edges of days the facts.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.sum_changes import apply_sum_changes
from crm_shared.database import Transaction

# How what was done is put together, of facts `f` whose `sign` says whether they come or go.
DONE_AT: Final = "CASE WHEN f.type = 'TASK' THEN f.completed_at ELSE f.occurred_at END"
COUNT: Final = (
    "SELECT f.tenant_id, ("  # noqa: S608 - texts of ours
    + DONE_AT
    + """ AT TIME ZONE 'UTC')::date AS done_day, f.user_id,
           COALESCE(sum(f.sign) FILTER (WHERE f.type = 'CALL'), 0) AS calls,
           COALESCE(sum(f.sign) FILTER (WHERE f.type = 'EMAIL'), 0) AS emails,
           COALESCE(sum(f.sign) FILTER (WHERE f.type = 'MEETING'), 0) AS meetings,
           COALESCE(sum(f.sign) FILTER (WHERE f.type = 'NOTE'), 0) AS notes,
           COALESCE(sum(f.sign) FILTER (WHERE f.type = 'TASK'), 0) AS tasks_done
      FROM {sides} f
     WHERE f.counts AND f.user_id IS NOT NULL AND """
    + DONE_AT
    + """ IS NOT NULL
     GROUP BY 1, 2, 3"""
)
COLUMNS: Final = "tenant_id, done_day, user_id, calls, emails, meetings, notes, tasks_done"

# The statement that writes facts gives the changes; `sides` are the facts as they were and as they are.
LIST_CHANGES: Final = (
    "SELECT * FROM ("  # noqa: S608 - texts of ours
    + COUNT.format(sides="sides")
    + ") c WHERE (calls, emails, meetings, notes, tasks_done) <> (0, 0, 0, 0, 0)"
)
# What the facts say, of one tenant or of all, in the order of the columns.
RECOMPUTED: Final = COUNT.format(
    sides="(SELECT 1 AS sign, a.* FROM activity_facts a WHERE $1::uuid IS NULL OR a.tenant_id = $1)"
)
HOLD_FACTS: Final = "LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE"
DROP: Final = "DELETE FROM activity_rollup WHERE $1::uuid IS NULL OR tenant_id = $1"
SUM_UP: Final = "INSERT INTO activity_rollup (" + COLUMNS + ") " + RECOMPUTED

ADD: Final = (
    "INSERT INTO activity_rollup AS r (" + COLUMNS + ")"  # noqa: S608 - texts of ours
    """
    SELECT *
      FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                  $8::bigint[])
     ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, done_day, user_id) DO UPDATE
       SET calls = r.calls + excluded.calls, emails = r.emails + excluded.emails,
           meetings = r.meetings + excluded.meetings, notes = r.notes + excluded.notes,
           tasks_done = r.tasks_done + excluded.tasks_done
    RETURNING r.ctid, (r.calls, r.emails, r.meetings, r.notes, r.tasks_done) = (0, 0, 0, 0, 0) AS is_empty"""
)
DELETE_EMPTY: Final = """
    DELETE FROM activity_rollup r
     WHERE r.ctid = ANY ($1::tid[]) AND (r.calls, r.emails, r.meetings, r.notes, r.tasks_done) = (0, 0, 0, 0, 0)
"""


class DayChange(NamedTuple):
    """By how much one row differs, in the order of the table's columns."""

    tenant_id: UUID
    done_day: date
    user_id: UUID
    calls: int
    emails: int
    meetings: int
    notes: int
    tasks_done: int


async def add_days(transaction: Transaction, changes: Sequence[DayChange]) -> None:
    """Carry what changed into the sums. To come late in a transaction: the rows of today are few."""
    await apply_sum_changes(transaction, changes, add=ADD, delete_empty=DELETE_EMPTY)


async def recount_days(transaction: Transaction) -> None:
    """Make the sums anew from the facts, over all tenants; whoever writes facts waits meanwhile."""
    await transaction.execute(HOLD_FACTS)
    for statement in (DROP, SUM_UP):
        await transaction.execute(statement, None)
