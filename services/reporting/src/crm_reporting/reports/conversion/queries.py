"""SQL that reads how deals went from stage to stage, for the caller's eyes only."""

from collections.abc import Sequence
from uuid import UUID

from crm_reporting.reports.conversion.figures import Reached
from crm_reporting.reports.scope import Scope, Window
from crm_shared.database import Connection, Where

SEEN = """
    SELECT d.deal_id, d.status = 'OPEN' AS is_open
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND NOT d.is_deleted AND """

# A stage is of one pipeline for good, so the stages say which pipeline is asked about; where the deal is today says
# nothing. What of one deal happened at the same moment goes by its versions.
COUNT_REACHED = """
    WITH seen AS ("""
OF_COHORT = """), cohort AS (
        SELECT t.deal_id, t.to_stage_id AS from_stage_id, t.changed_at, t.version, d.is_open
          FROM stage_transitions t
          JOIN seen d ON d.deal_id = t.deal_id
         WHERE t.tenant_id = $1 AND t.to_stage_id = ANY($4) AND t.changed_at >= $2 AND t.changed_at < $3
           AND NOT EXISTS (SELECT FROM stage_transitions earlier
                            WHERE (earlier.tenant_id, earlier.deal_id, earlier.to_stage_id)
                                  = ($1, t.deal_id, t.to_stage_id)
                              AND (earlier.changed_at, earlier.version) < (t.changed_at, t.version))
    ), converted AS (
        SELECT c.from_stage_id, t.to_stage_id, c.is_open,
               extract(epoch FROM min(t.changed_at) - c.changed_at)::double precision AS elapsed_s
          FROM cohort c
          JOIN stage_transitions t ON t.tenant_id = $1 AND t.deal_id = c.deal_id
         WHERE t.to_stage_id = ANY($5) AND t.to_stage_id <> c.from_stage_id
           AND (t.changed_at, t.version) > (c.changed_at, c.version)
         GROUP BY c.deal_id, c.from_stage_id, c.changed_at, c.is_open, t.to_stage_id
    )
    SELECT from_stage_id, from_stage_id AS to_stage_id, count(*) AS deal_count,
           count(*) FILTER (WHERE is_open) AS open_count, NULL::double precision AS median_s
      FROM cohort
     GROUP BY 1
    UNION ALL
    SELECT from_stage_id, to_stage_id, count(*), count(*) FILTER (WHERE is_open),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY elapsed_s)
      FROM converted
     GROUP BY 1, 2
"""


async def count_reached(
    connection: Connection, scope: Scope, window: Window, *, from_stages: Sequence[UUID], to_stages: Sequence[UUID]
) -> list[Reached]:
    """Count the deals that entered each of `from_stages` in the window, and those that later came to `to_stages`.

    Pairs that no deal went are not among them.
    """
    where = Where(scope.caller.tenant_id, window.begin, window.end, from_stages, to_stages)
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    seen = " UNION ALL ".join(SEEN + branch for branch in branches)
    rows = await connection.fetch(COUNT_REACHED + seen + OF_COHORT, *where.parameters)
    return [Reached(**row) for row in rows]
