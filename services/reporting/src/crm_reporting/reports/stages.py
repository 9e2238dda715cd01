"""A pipeline's stages, as reports have rows of them."""

from dataclasses import dataclass
from uuid import UUID

from crm_reporting.reports.scope import Scope
from crm_shared.database import Connection

LIST_STAGES = """
    SELECT s.id, s.name, s.kind, s.win_probability, s.is_removed
      FROM stages s
     WHERE s.tenant_id = $1 AND s.pipeline_id = $2
     ORDER BY s.is_removed, s.position, s.id
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
