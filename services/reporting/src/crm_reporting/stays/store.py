"""SQL that keeps how long deals stayed in stages, in the transactions that write their entries and facts.

A batch holds the deals' facts locked: two can't make one deal's stays at a time.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_reporting.row_arrays import to_columns
from crm_reporting.sum_changes import apply_sum_changes
from crm_shared.database import Transaction

# An entry into any stage, of another pipeline too, ends the stay before it. What of one deal happened at one moment
# goes by its versions.
STAYS: Final = """
    SELECT e.tenant_id, e.deal_id, e.version, e.stage_id, e.owner_id,
           extract(epoch FROM e.left_at - e.entered_at)::float8 AS lasted_s
      FROM (SELECT t.tenant_id, t.deal_id, t.version, t.to_stage_id AS stage_id, f.owner_id,
                   t.changed_at AS entered_at,
                   lead(t.changed_at) OVER (PARTITION BY t.tenant_id, t.deal_id ORDER BY t.changed_at, t.version)
                       AS left_at
              FROM {deals} f
              JOIN stage_transitions t ON (t.tenant_id, t.deal_id) = (f.tenant_id, f.deal_id)
             WHERE NOT f.is_deleted) e
     WHERE e.left_at IS NOT NULL"""
NAMED: Final = """(
                SELECT n.tenant_id, n.deal_id, d.owner_id, d.is_deleted
                  FROM named n
                  JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (n.tenant_id, n.deal_id))"""
# A row that is as it should be is read alone: one that conflicts is locked, whether it is written or not. NOT IN hashes
# the stays; NOT EXISTS would hold each row against each, as the planner takes them for a few.
MAKE: Final = (
    """
    WITH named AS (
        SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, deal_id)
    ), stays AS MATERIALIZED ("""  # noqa: S608 - texts of ours
    + STAYS.format(deals=NAMED)
    + """
    ), removed AS (
        DELETE FROM stage_stays s
         USING named n
         WHERE (s.tenant_id, s.deal_id) = (n.tenant_id, n.deal_id)
           AND (s.tenant_id, s.deal_id, s.version) NOT IN (SELECT y.tenant_id, y.deal_id, y.version FROM stays y)
        RETURNING s.tenant_id, s.stage_id, s.owner_id, s.length_class, s.lasted_s
    ), kept AS (
        SELECT s.*
          FROM named n
         CROSS JOIN LATERAL (
               SELECT s.tenant_id, s.deal_id, s.version, s.stage_id, s.owner_id, s.lasted_s
                 FROM stage_stays s
                WHERE s.tenant_id = n.tenant_id AND s.deal_id = n.deal_id
               OFFSET 0) s
    ), written AS (
        INSERT INTO stage_stays AS s (tenant_id, deal_id, version, stage_id, owner_id, lasted_s)
        (TABLE stays EXCEPT ALL TABLE kept)
        ON CONFLICT (tenant_id, deal_id, version) DO UPDATE
           SET stage_id = excluded.stage_id, owner_id = excluded.owner_id, lasted_s = excluded.lasted_s
        RETURNING old AS before, new AS after
    ), sides AS (
        SELECT -1 AS sign, removed.* FROM removed
         UNION ALL
        SELECT -1, (before).tenant_id, (before).stage_id, (before).owner_id, (before).length_class, (before).lasted_s
          FROM written
         WHERE (before).deal_id IS NOT NULL
         UNION ALL
        SELECT 1, (after).tenant_id, (after).stage_id, (after).owner_id, (after).length_class, (after).lasted_s
          FROM written
    )
    SELECT tenant_id, stage_id, owner_id, length_class, sum(sign) AS stay_count,
           sum(sign * lasted_s::numeric) AS total_s
      FROM sides
     GROUP BY 1, 2, 3, 4
    HAVING (sum(sign), sum(sign * lasted_s::numeric)) <> (0, 0)
"""
)
ADD: Final = """
    INSERT INTO stay_rollup AS r (tenant_id, stage_id, owner_id, length_class, stay_count, total_s)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::numeric[])
     ORDER BY 1, 2, 3, 4
    ON CONFLICT (tenant_id, stage_id, owner_id, length_class) DO UPDATE
       SET stay_count = r.stay_count + excluded.stay_count, total_s = r.total_s + excluded.total_s
    RETURNING r.ctid, r.stay_count = 0 AS is_empty
"""
DELETE_EMPTY: Final = "DELETE FROM stay_rollup r WHERE r.ctid = ANY ($1::tid[]) AND r.stay_count = 0"

# What the entries say, of one tenant or of all, and what the stays add up to.
RECOMPUTED: Final = STAYS.format(deals="deal_facts") + " AND ($1::uuid IS NULL OR e.tenant_id = $1)"
RECOMPUTED_SUMS: Final = """
    SELECT tenant_id, stage_id, owner_id, length_class, count(*) AS stay_count, sum(lasted_s::numeric) AS total_s
      FROM stage_stays
     WHERE $1::uuid IS NULL OR tenant_id = $1
     GROUP BY 1, 2, 3, 4"""
HOLD_ENTRIES: Final = "LOCK TABLE stage_transitions IN SHARE ROW EXCLUSIVE MODE"
REMAKE: Final = (
    "DELETE FROM stage_stays WHERE $1::uuid IS NULL OR tenant_id = $1",
    "INSERT INTO stage_stays (tenant_id, deal_id, version, stage_id, owner_id, lasted_s) " + RECOMPUTED,
    "DELETE FROM stay_rollup WHERE $1::uuid IS NULL OR tenant_id = $1",
    "INSERT INTO stay_rollup (tenant_id, stage_id, owner_id, length_class, stay_count, total_s) " + RECOMPUTED_SUMS,
)


async def make_stays(transaction: Transaction, deals: Sequence[tuple[UUID, UUID]]) -> None:
    """Make the stays of these deals anew, and carry what changed into their sums.

    `deals` are sorted. To come after their facts and entries, and late in a transaction: a stage's sums of one owner
    are few rows, and batches that run at once wait for each other here.
    """
    if not deals:
        return
    changes = await transaction.fetch(MAKE, *to_columns(deals, width=2))
    await apply_sum_changes(transaction, [tuple(change) for change in changes], add=ADD, delete_empty=DELETE_EMPTY)


async def remake_stays(transaction: Transaction) -> None:
    """Make all stays and their sums anew, over all tenants; nobody may write facts meanwhile."""
    await transaction.execute(HOLD_ENTRIES)
    for statement in REMAKE:
        await transaction.execute(statement, None)
