"""Puts the report on stages' ages together."""

from typing import Any

from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stage_age import figures, queries
from crm_reporting.reports.stages import list_stages
from crm_shared.database import Connection


async def compile_report(connection: Connection, scope: Scope) -> dict[str, Any]:
    """Return the report on stages' ages (semantics.md) of what the caller sees."""
    stages = await list_stages(connection, scope)
    stays = await queries.measure_stays(connection, scope, [stage.id for stage in stages])
    return {"pipeline_id": scope.pipeline_id, "as_of": scope.now, "items": figures.to_items(stages, stays)}
