"""SQL that reads how long deals stay in stages, for the caller's eyes only."""

from collections.abc import Sequence
from uuid import UUID

from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stage_age.figures import StageStays
from crm_shared.database import Connection, Where

SEEN = """
    SELECT d.deal_id, d.stage_id, d.status, d.stage_changed_at
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND NOT d.is_deleted AND """

# An entry into any stage, of another pipeline too, ends the stay before it. A clock of another machine that is ahead
# makes no stay last less than nothing.
MEASURE_STAYS = """
    WITH seen AS ("""
OF_SEEN = """), entries AS (
        SELECT t.to_stage_id AS stage_id, t.changed_at AS entered_at,
               lead(t.changed_at) OVER (PARTITION BY t.deal_id ORDER BY t.changed_at, t.version) AS left_at
          FROM stage_transitions t
          JOIN seen d ON d.deal_id = t.deal_id
         WHERE t.tenant_id = $1
    ), stays AS (
        SELECT stage_id, false AS is_over,
               extract(epoch FROM greatest($2 - stage_changed_at, interval '0'))::double precision AS lasted_s
          FROM seen
         WHERE status = 'OPEN' AND stage_id = ANY($3)
        UNION ALL
        SELECT stage_id, true, extract(epoch FROM left_at - entered_at)::double precision
          FROM entries
         WHERE left_at IS NOT NULL AND stage_id = ANY($3)
    )
    SELECT stage_id, is_over, count(*) AS stay_count, avg(lasted_s) AS average_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted_s) AS median_s,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY lasted_s) AS p90_s
      FROM stays
     GROUP BY 1, 2
"""


async def measure_stays(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    """Measure the stays in each stage that go on, and those that are over; a stage without any is not among them."""
    where = Where(scope.caller.tenant_id, scope.now, stage_ids)
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    seen = " UNION ALL ".join(SEEN + branch for branch in branches)
    rows = await connection.fetch(MEASURE_STAYS + seen + OF_SEEN, *where.parameters)
    return [StageStays(**row) for row in rows]
