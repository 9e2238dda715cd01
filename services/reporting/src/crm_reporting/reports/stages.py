"""SQL that reads a pipeline's stages, as they are and as they were at a past moment: reports have rows of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_reporting.reports.scope import Scope
from crm_shared.database import Connection

LIST_STAGES = """
    SELECT s.id, s.name, s.kind, s.win_probability, s.is_removed
      FROM stages s
     WHERE s.tenant_id = $1 AND s.pipeline_id = $2
     ORDER BY s.is_removed, s.position, s.id
"""

# Of each stage the last version until then; of one that came later its first, as imported deals may have been in it. So
# before a pipeline's first version that one counts. A stage whose versions nobody has told yet is as it is now.
LIST_STAGES_AS_OF = """
    WITH that_time AS (
        SELECT COALESCE(max(v.version) FILTER (WHERE v.changed_at <= $3), min(v.version)) AS version
          FROM stage_versions v
         WHERE v.tenant_id = $1 AND v.pipeline_id = $2
    ), past AS (
        SELECT DISTINCT ON (v.stage_id) v.stage_id AS id, v.name, v.kind, v.win_probability,
               v.version <> t.version AS is_removed, v.position
          FROM stage_versions v
         CROSS JOIN that_time t
         WHERE v.tenant_id = $1 AND v.pipeline_id = $2
         ORDER BY v.stage_id, v.version > t.version, abs(v.version - t.version)
    ), known AS (
        SELECT * FROM past
         UNION ALL
        SELECT s.id, s.name, s.kind, s.win_probability, s.is_removed, s.position
          FROM stages s
         WHERE s.tenant_id = $1 AND s.pipeline_id = $2 AND s.id NOT IN (SELECT p.id FROM past p)
    )
    SELECT k.id, k.name, k.kind, k.win_probability, k.is_removed
      FROM known k
     ORDER BY k.is_removed, k.position, k.id
"""


@dataclass(frozen=True, slots=True)
class ReportStage:
    """A row of a report. A removed stage is one that its pipeline lists no more."""

    id: UUID
    name: str
    kind: str
    win_probability: int
    is_removed: bool


async def list_stages(connection: Connection, scope: Scope) -> list[ReportStage]:
    """Return the stages in the pipeline's order, then those that have left it."""
    rows = await connection.fetch(LIST_STAGES, scope.caller.tenant_id, scope.pipeline_id)
    return [ReportStage(**row) for row in rows]


async def list_stages_as_of(connection: Connection, scope: Scope, moment: datetime) -> list[ReportStage]:
    """Return the stages as they were at `moment`, in the order of then; behind them those not in the pipeline then."""
    rows = await connection.fetch(LIST_STAGES_AS_OF, scope.caller.tenant_id, scope.pipeline_id, moment)
    return [ReportStage(**row) for row in rows]
