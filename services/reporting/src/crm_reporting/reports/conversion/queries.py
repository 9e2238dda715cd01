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
# nothing. What of one deal happened at the same moment goes by its versions. Each entry knows the deal's one before it
# into the same stage: where there is none, it is the first ever; where none lies behind the cohort's entry, it is the
# first since.
COUNT_REACHED = """
    WITH seen AS ("""
OF_COHORT = """), candidates AS (
        SELECT DISTINCT t.deal_id
          FROM stage_transitions t
         WHERE t.tenant_id = $1 AND t.to_stage_id = ANY($4) AND t.changed_at >= $2 AND t.changed_at < $3
    ), entries AS (
        SELECT c.deal_id, t.stage_id, t.changed_at, t.version, c.is_open, t.before_at, t.before_version
          FROM (SELECT DISTINCT deal_id, is_open FROM candidates JOIN seen USING (deal_id)) c
         CROSS JOIN LATERAL (
            SELECT t.to_stage_id AS stage_id, t.changed_at, t.version, lag(t.changed_at) OVER of_stage AS before_at,
                   lag(t.version) OVER of_stage AS before_version
              FROM stage_transitions t
             WHERE t.tenant_id = $1 AND t.deal_id = c.deal_id
            WINDOW of_stage AS (PARTITION BY t.to_stage_id ORDER BY t.changed_at, t.version)
            OFFSET 0) t
    ), cohort AS (
        SELECT e.deal_id, e.stage_id, e.changed_at, e.version, e.is_open
          FROM entries e
         WHERE e.before_version IS NULL AND e.stage_id = ANY($4) AND e.changed_at >= $2 AND e.changed_at < $3
    ), converted AS (
        SELECT c.stage_id AS from_stage_id, e.stage_id AS to_stage_id, c.is_open,
               extract(epoch FROM e.changed_at - c.changed_at)::double precision AS elapsed_s
          FROM cohort c
          JOIN entries e ON e.deal_id = c.deal_id
         WHERE e.stage_id = ANY($5) AND (e.changed_at, e.version) > (c.changed_at, c.version)
           AND (e.before_version IS NULL OR (e.before_at, e.before_version) < (c.changed_at, c.version))
    )
    SELECT stage_id AS from_stage_id, NULL::uuid AS to_stage_id, count(*) AS deal_count,
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
