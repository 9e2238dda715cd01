"""SQL that reads pipelines for the API."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_deals.pipelines.domain import PipelineNotFound
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

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


async def list_pipelines(
    connection: Connection, caller: Caller, *, archived: bool, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 pipelines in the order of the list: those in use, or those put away."""
    where = order.add_after(Where(caller.tenant_id).add("p.archived = {}", archived), cursor)
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_PIPELINES + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [dict(row) for row in rows]


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
