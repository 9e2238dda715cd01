"""SQL that reads pipelines for the API."""

from typing import Any
from uuid import UUID

from crm_deals.pipelines.domain import PipelineNotFound, StageNotFound
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, select_page

SELECT_PIPELINES = """
    SELECT p.id, p.version, p.name, p.is_default, p.archived,
           (SELECT jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'win_probability', s.win_probability,
                                                'kind', s.kind, 'rotting_days', s.rotting_days,
                                                'position', s.position) ORDER BY s.position)
              FROM stages s
             WHERE s.tenant_id = p.tenant_id AND s.pipeline_id = p.id) AS stages,
           p.created_at, p.updated_at
      FROM pipelines p
     WHERE p.tenant_id = $1 AND """


def select_pipelines(caller: Caller, page: Page, *, archived: bool) -> ListStatement:
    """Return a page of the pipelines in use, or of those put away."""
    return select_page(SELECT_PIPELINES, Where(caller.tenant_id).add("p.archived = {}", archived), page)


async def has_pipelines(connection: Connection, caller: Caller) -> bool:
    return bool(
        await connection.fetchval("SELECT EXISTS (SELECT FROM pipelines WHERE tenant_id = $1)", caller.tenant_id)
    )


async def load_pipeline(connection: Connection, caller: Caller, pipeline_id: UUID) -> dict[str, Any]:
    """Read one pipeline as GET answers it. Raises PipelineNotFound."""
    row = await connection.fetchrow(SELECT_PIPELINES + "p.id = $2", caller.tenant_id, pipeline_id)
    if row is None:
        raise PipelineNotFound
    return dict(row)


async def load_stage(
    connection: Connection, caller: Caller, pipeline_id: UUID, stage_id: UUID
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a pipeline and one of its stages. Raises PipelineNotFound, StageNotFound."""
    pipeline = await load_pipeline(connection, caller, pipeline_id)
    for stage in pipeline["stages"]:
        if stage["id"] == str(stage_id):
            return pipeline, stage
    raise StageNotFound
