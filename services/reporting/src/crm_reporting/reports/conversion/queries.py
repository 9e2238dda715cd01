"""SQL that reads how deals went from stage to stage, for the caller's eyes only."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_reporting.reports.conversion.figures import Pair, Reached
from crm_reporting.reports.scope import Scope, Window
from crm_shared.access import Permission
from crm_shared.database import Connection, Where

# A stage is of one pipeline for good, so the stages say which pipeline is asked about; where the deal is today says
# nothing. $1 to $5: tenant, window, stages that deals entered and that they came to.
OF_DEAL: Final = """
        CROSS JOIN LATERAL (
              SELECT c.from_stage_id, c.to_stage_id, c.elapsed_s
                FROM stage_conversions c
               WHERE c.tenant_id = $1 AND c.deal_id = d.deal_id AND c.entered_at >= $2 AND c.entered_at < $3
                 AND c.from_stage_id = ANY ($4) AND (c.to_stage_id = ANY ($5) OR c.to_stage_id = c.from_stage_id)
              OFFSET 0) c"""
# What a contact's share shows: each such deal is looked up, by an index (OFFSET 0).
SHARED: Final = (
    """
        SELECT c.*
          FROM (SELECT d.deal_id FROM deal_facts d WHERE d.tenant_id = $1 AND NOT d.is_deleted AND {branch}) d"""  # noqa: S608 - texts of ours
    + OF_DEAL
)
# Each pair by itself, so that all that is read of it lies together in the index, and is sorted by itself.
COUNT_REACHED: Final = """
    WITH shared AS MATERIALIZED ({shared})
    SELECT a.id AS from_stage_id, b.id AS to_stage_id, f.deal_count, f.median_s
      FROM unnest($4::uuid[]) AS a (id)
     CROSS JOIN LATERAL (SELECT a.id UNION SELECT * FROM unnest($5::uuid[])) AS b (id)
     CROSS JOIN LATERAL (
           SELECT count(*) AS deal_count, percentile_cont(0.5) WITHIN GROUP (ORDER BY e.elapsed_s) AS median_s
             FROM (SELECT c.elapsed_s
                     FROM stage_conversions c
                    WHERE c.tenant_id = $1 AND c.from_stage_id = a.id AND c.to_stage_id = b.id
                      AND c.entered_at >= $2 AND c.entered_at < $3 AND {owned}
                    UNION ALL
                   SELECT s.elapsed_s
                     FROM shared s
                    WHERE s.from_stage_id = a.id AND s.to_stage_id = b.id) e) f
     WHERE f.deal_count > 0
"""
NOTHING_SHARED: Final = """
        SELECT NULL::uuid AS from_stage_id, NULL::uuid AS to_stage_id, NULL::float8 AS elapsed_s WHERE false"""
# No entry of a deal is later than the one into its present stage: no move goes back in time.
OPEN: Final = """
        SELECT d.deal_id
          FROM deal_facts d
         WHERE d.tenant_id = $1 AND d.status = 'OPEN' AND NOT d.is_deleted AND d.stage_changed_at >= $2 AND """
COUNT_OPEN: Final = (
    """
    SELECT c.from_stage_id, c.to_stage_id, count(*) AS open_count
      FROM ({opened}) d"""  # noqa: S608 - texts of ours
    + OF_DEAL
    + """
     GROUP BY 1, 2"""
)


async def count_reached(
    connection: Connection, scope: Scope, window: Window, *, from_stages: Sequence[UUID], to_stages: Sequence[UUID]
) -> list[Reached]:
    """Count the deals that entered each of `from_stages` in the window, and those that later came to `to_stages`.

    Pairs that no deal went are not among them.
    """
    where = Where(scope.caller.tenant_id, window.begin, window.end, from_stages, to_stages)
    still_open = await _count_open(connection, scope, where.copy())
    [owned] = scope.list_branches(where.fork(), "c.owner_id", contact_id=None)
    shared = NOTHING_SHARED
    if scope.caller.has_shares and not scope.caller.can(Permission.SEE_ALL):
        [_, branch] = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
        shared = SHARED.format(branch=branch)
    rows = await connection.fetch(COUNT_REACHED.format(shared=shared, owned=owned), *where.parameters)
    return [Reached(**row, open_count=still_open.get((row["from_stage_id"], row["to_stage_id"]), 0)) for row in rows]


async def _count_open(connection: Connection, scope: Scope, where: Where) -> dict[Pair, int]:
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    opened = " UNION ALL ".join(OPEN + branch for branch in branches)
    rows = await connection.fetch(COUNT_OPEN.format(opened=opened), *where.parameters)
    return {(row["from_stage_id"], row["to_stage_id"]): row["open_count"] for row in rows}
