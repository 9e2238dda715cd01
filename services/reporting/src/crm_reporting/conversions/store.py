"""SQL that keeps which stages deals came to from which, in the transactions that write their entries and facts.

A batch holds the deals' facts locked: two can't make one deal's rows at a time.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from crm_reporting.history.sums import FormerFact
from crm_reporting.projections import StageTransition
from crm_reporting.row_arrays import to_columns
from crm_reporting.stays.store import HOLD_ENTRIES
from crm_shared.database import Transaction

COLUMNS: Final = "tenant_id, deal_id, from_stage_id, to_stage_id, owner_id, entered_at, elapsed_s"
# From a deal's first entry ever into each stage to its first one since then into each other, and to itself: that row,
# of no time, says that the deal is of the stage's cohort. What of one deal happened at one moment goes by its versions.
# Each deal is gone through by itself, by its path: joined by deal, entries would be held against all others of a batch.
CONVERSIONS: Final = """
    SELECT p.tenant_id, p.deal_id, a.stage_id AS from_stage_id, b.stage_id AS to_stage_id, p.owner_id,
           a.entered_at, extract(epoch FROM b.entered_at - a.entered_at)::float8 AS elapsed_s
      FROM {paths} p
     CROSS JOIN LATERAL unnest(p.stage_ids, p.moments) WITH ORDINALITY AS a (stage_id, entered_at, place)
     CROSS JOIN LATERAL unnest(p.stage_ids, p.moments) WITH ORDINALITY AS b (stage_id, entered_at, place)
     WHERE a.place = array_position(p.stage_ids, a.stage_id)
       AND b.place = array_position(p.stage_ids, b.stage_id, a.place::integer)"""
PATH: Final = """array_agg(t.to_stage_id ORDER BY t.changed_at, t.version) AS stage_ids,
                       array_agg(t.changed_at ORDER BY t.changed_at, t.version) AS moments"""
NAMED: Final = (
    """(
                SELECT f.tenant_id, f.deal_id, f.owner_id, t.stage_ids, t.moments
                  FROM named n
                  JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (n.tenant_id, n.deal_id)
                 CROSS JOIN LATERAL (
                       SELECT """  # noqa: S608 - texts of ours
    + PATH
    + """
                         FROM stage_transitions t
                        WHERE t.tenant_id = f.tenant_id AND t.deal_id = f.deal_id) t
                 WHERE NOT f.is_deleted)"""
)
ALL: Final = (
    """(
                SELECT f.tenant_id, f.deal_id, f.owner_id, """  # noqa: S608 - texts of ours
    + PATH
    + """
                  FROM deal_facts f
                  JOIN stage_transitions t ON (t.tenant_id, t.deal_id) = (f.tenant_id, f.deal_id)
                 WHERE NOT f.is_deleted AND ($1::uuid IS NULL OR f.tenant_id = $1)
                 GROUP BY f.tenant_id, f.deal_id)"""
)
# Rows that are as they should be are read alone: a deal has many, of which a move adds a few and changes none.
MAKE: Final = (
    """
    WITH named AS (
        SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, deal_id)
    ), conversions AS MATERIALIZED ("""  # noqa: S608 - texts of ours
    + CONVERSIONS.format(paths=NAMED)
    + """
    ), kept AS MATERIALIZED (
        SELECT c.*
          FROM named n
         CROSS JOIN LATERAL (
               SELECT c.ctid AS place, """
    + COLUMNS
    + """
                 FROM stage_conversions c
                WHERE c.tenant_id = n.tenant_id AND c.deal_id = n.deal_id
               OFFSET 0) c
    ), removed AS (
        DELETE FROM stage_conversions c
         WHERE c.ctid = ANY (ARRAY(
               SELECT k.place
                 FROM kept k
                WHERE (k.tenant_id, k.deal_id, k.from_stage_id, k.to_stage_id)
                      NOT IN (SELECT v.tenant_id, v.deal_id, v.from_stage_id, v.to_stage_id FROM conversions v)))
    )
    INSERT INTO stage_conversions AS c ("""
    + COLUMNS
    + """)
    (TABLE conversions
     EXCEPT ALL
     SELECT """
    + COLUMNS
    + """ FROM kept)
    ON CONFLICT (tenant_id, deal_id, from_stage_id, to_stage_id) DO UPDATE
       SET owner_id = excluded.owner_id, entered_at = excluded.entered_at, elapsed_s = excluded.elapsed_s
"""
)
# What facts and entries say, of one tenant or of all.
RECOMPUTED: Final = CONVERSIONS.format(paths=ALL)
# In the order of their moments, as they come by themselves: a report reads those of some months.
REMAKE: Final = (
    "DELETE FROM stage_conversions WHERE $1::uuid IS NULL OR tenant_id = $1",
    "INSERT INTO stage_conversions (" + COLUMNS + ") " + RECOMPUTED + " ORDER BY p.tenant_id, a.entered_at",
)


def list_moved(
    transitions: Iterable[StageTransition], former: Iterable[FormerFact], forgotten: Iterable[tuple[UUID, UUID]]
) -> list[tuple[UUID, UUID]]:
    """Return the deals of a batch whose rows may differ: of most events none do, and looking is what costs."""
    changed = {*((row.tenant_id, row.deal_id) for row in transitions), *((f.tenant_id, f.deal_id) for f in former)}
    return sorted(changed.union(forgotten))


async def make_conversions(transaction: Transaction, deals: Sequence[tuple[UUID, UUID]]) -> None:
    """Make the rows of these deals anew. `deals` are sorted; to come after their facts and entries."""
    if deals:
        await transaction.execute(MAKE, *to_columns(deals, width=2))


async def remake_conversions(transaction: Transaction) -> None:
    """Make all rows anew, over all tenants; nobody may write facts meanwhile."""
    await transaction.execute(HOLD_ENTRIES)
    for statement in REMAKE:
        await transaction.execute(statement, None)
