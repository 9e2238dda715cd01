"""SQL that writes and loads pipelines."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_deals.pipelines.domain import Pipeline, Stage, StageKind
from crm_shared.database import Connection, Transaction

# No conflict target: of two that race, the second may meet the first in either unique index, its id's or the default's.
INSERT_PIPELINE = """
    INSERT INTO pipelines (tenant_id, id, version, name, is_default, archived, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
    RETURNING id
"""

INSERT_STAGE = """
    INSERT INTO stages (tenant_id, id, pipeline_id, name, win_probability, kind, rotting_days, position)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

FIND_DEFAULT_STAGES = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM pipelines p
      JOIN stages s USING (tenant_id)
     WHERE p.tenant_id = $1 AND p.is_default AND NOT p.archived AND s.pipeline_id = p.id
     ORDER BY s.position
"""

FIND_STAGES = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM stages s
     WHERE s.tenant_id = $1 AND s.id = ANY($2)
"""


FIND_SIBLINGS = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM stages s
      JOIN pipelines p ON p.tenant_id = s.tenant_id AND p.id = s.pipeline_id AND NOT p.archived
     WHERE s.tenant_id = $1
       AND s.pipeline_id = COALESCE($2, (SELECT o.pipeline_id FROM stages o WHERE o.tenant_id = $1 AND o.id = $3))
     ORDER BY s.position
"""


async def insert(transaction: Transaction, tenant_id: UUID, pipeline: Pipeline) -> bool:
    """Write a pipeline and its stages. False, and nothing written, when it is there already."""
    inserted = await transaction.fetchval(
        INSERT_PIPELINE,
        tenant_id,
        pipeline.id,
        pipeline.version,
        pipeline.name,
        pipeline.is_default,
        pipeline.archived,
        pipeline.created_at,
        pipeline.updated_at,
    )
    if inserted is None:
        return False
    await transaction.executemany(INSERT_STAGE, [_to_row(tenant_id, stage) for stage in pipeline.stages])
    return True


def _to_row(tenant_id: UUID, stage: Stage) -> tuple[Any, ...]:
    return (
        tenant_id,
        stage.id,
        stage.pipeline_id,
        stage.name,
        stage.win_probability,
        stage.kind,
        stage.rotting_days,
        stage.position,
    )


def to_stage(row: Mapping[str, Any]) -> Stage:
    return Stage(
        id=row["id"],
        pipeline_id=row["pipeline_id"],
        name=row["name"],
        win_probability=row["win_probability"],
        kind=StageKind(row["kind"]),
        rotting_days=row["rotting_days"],
        position=row["position"],
    )


async def find_default_stages(connection: Connection, tenant_id: UUID) -> list[Stage]:
    """Give the default pipeline's stages in order; empty while the tenant has none yet."""
    return [to_stage(row) for row in await connection.fetch(FIND_DEFAULT_STAGES, tenant_id)]


async def find_stages(connection: Connection, tenant_id: UUID, stage_ids: Iterable[UUID]) -> dict[UUID, Stage]:
    rows = await connection.fetch(FIND_STAGES, tenant_id, list(stage_ids))
    return {row["id"]: to_stage(row) for row in rows}


async def find_siblings(
    connection: Connection, tenant_id: UUID, *, pipeline_id: UUID | None, stage_id: UUID | None
) -> list[Stage]:
    """Give the stages of `pipeline_id`, or else of the pipeline that holds `stage_id`; empty when there is none."""
    rows = await connection.fetch(FIND_SIBLINGS, tenant_id, pipeline_id, stage_id)
    return [to_stage(row) for row in rows]
