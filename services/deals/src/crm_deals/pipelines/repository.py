"""SQL that writes and loads pipelines."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_deals.pipelines.domain import Pipeline, PipelineNotFound, Stage, StageKind
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

# The stage that a deal goes to stays what it is until the move commits: whoever would delete it, change its kind or
# archive its pipeline locks it FOR UPDATE and waits. The one it leaves is read without a lock: whoever deletes that one
# waits for the deal, and neither may wait for the other.
FIND_MOVE = """
    SELECT * FROM (
        SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
          FROM stages s
         WHERE s.tenant_id = $1 AND s.id = $3 AND NOT s.archived
           FOR KEY SHARE) AS target
     UNION ALL
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM stages s
     WHERE s.tenant_id = $1 AND s.id = $2 AND s.id <> $3
"""


FIND_PUT_AWAY = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM stages s
      JOIN pipelines p ON p.tenant_id = s.tenant_id AND p.id = s.pipeline_id AND p.archived
     WHERE s.tenant_id = $1 AND s.id = $2
"""

HOLD_ALL_STAGES = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position, s.archived, p.is_default
      FROM stages s
      JOIN pipelines p ON p.tenant_id = s.tenant_id AND p.id = s.pipeline_id
     WHERE s.tenant_id = $1
     ORDER BY s.id
       FOR KEY SHARE OF s
"""

FIND_SIBLINGS = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM stages s
      JOIN pipelines p ON p.tenant_id = s.tenant_id AND p.id = s.pipeline_id AND NOT p.archived
     WHERE s.tenant_id = $1
       AND s.pipeline_id = COALESCE($2, (SELECT o.pipeline_id FROM stages o WHERE o.tenant_id = $1 AND o.id = $3))
     ORDER BY s.position
"""

PIPELINE_COLUMNS = """
           p.id, p.version, p.name, p.is_default, p.archived, p.created_at, p.updated_at
"""

# KEY SHARE of a stage or a deal's own lock pass this one; two who change a pipeline do not. Who changes which is the
# default locks all: a filter by is_default would not see the row that has become the default during the wait.
LOCK_PIPELINES = (
    "SELECT"
    + PIPELINE_COLUMNS
    + """
      FROM pipelines p
     WHERE p.tenant_id = $1 AND (p.id = $2 OR $3)
     ORDER BY p.id
       FOR NO KEY UPDATE
"""
)

LIST_STAGES = """
    SELECT s.id, s.pipeline_id, s.name, s.win_probability, s.kind, s.rotting_days, s.position
      FROM stages s
     WHERE s.tenant_id = $1 AND s.pipeline_id = ANY($2)
     ORDER BY s.position
"""

# Waits for the moves into these stages that are under way, and keeps others out.
COUNT_OPEN_DEALS = """
    SELECT count(*) FROM deals WHERE tenant_id = $1 AND pipeline_id = $2 AND status = 'OPEN' AND deleted_at IS NULL
"""
LOCK_STAGES = "SELECT FROM stages WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE"

UPDATE_PIPELINE = """
    UPDATE pipelines
       SET version = $3, name = $4, is_default = $5, archived = $6, updated_at = $7
     WHERE tenant_id = $1 AND id = $2
"""

UPSERT_STAGES = """
    INSERT INTO stages AS s (tenant_id, id, pipeline_id, name, win_probability, kind, rotting_days, position, archived)
    SELECT $1, stage.*, $9
      FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::integer[], $6::text[], $7::integer[], $8::integer[]) AS stage
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET name = excluded.name, win_probability = excluded.win_probability, kind = excluded.kind,
           rotting_days = excluded.rotting_days, position = excluded.position, archived = excluded.archived
"""

DELETE_OTHER_STAGES = "DELETE FROM stages WHERE tenant_id = $1 AND pipeline_id = $2 AND id <> ALL($3)"


@dataclass(frozen=True, slots=True)
class HeldStage:
    """A stage with what its pipeline says about it."""

    stage: Stage
    is_default: bool
    archived: bool


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
    """Return the default pipeline's stages in order; empty while the tenant has none yet."""
    return [to_stage(row) for row in await connection.fetch(FIND_DEFAULT_STAGES, tenant_id)]


async def find_move(transaction: Transaction, tenant_id: UUID, from_id: UUID, to_id: UUID) -> dict[UUID, Stage]:
    """Return the stages of a move by id; the one it goes to is missing when it is unknown or archived, else locked."""
    rows = await transaction.fetch(FIND_MOVE, tenant_id, from_id, to_id)
    return {row["id"]: to_stage(row) for row in rows}


async def find_put_away(transaction: Transaction, tenant_id: UUID, stage_id: UUID) -> Stage | None:
    """Return a stage that `find_move` leaves out because its pipeline was put away; None of any other."""
    row = await transaction.fetchrow(FIND_PUT_AWAY, tenant_id, stage_id)
    return None if row is None else to_stage(row)


async def hold_all_stages(transaction: Transaction, tenant_id: UUID) -> list[HeldStage]:
    """Return every stage of a tenant, in the order of each pipeline, held as `find_move` holds one."""
    rows = await transaction.fetch(HOLD_ALL_STAGES, tenant_id)
    held = [HeldStage(to_stage(row), is_default=row["is_default"], archived=row["archived"]) for row in rows]
    return sorted(held, key=lambda each: (each.stage.pipeline_id, each.stage.position))


async def load_for_update(transaction: Transaction, tenant_id: UUID, pipeline_id: UUID) -> Pipeline:
    """Lock the pipeline against other changes of it. Raises PipelineNotFound."""
    return (await _lock(transaction, tenant_id, pipeline_id, with_all=False))[pipeline_id]


async def load_with_default(
    transaction: Transaction, tenant_id: UUID, pipeline_id: UUID
) -> tuple[Pipeline, Pipeline | None]:
    """Lock the pipeline, and the default one if that is another. Raises PipelineNotFound."""
    pipelines = await _lock(transaction, tenant_id, pipeline_id, with_all=True)
    wanted = pipelines.pop(pipeline_id)
    return wanted, next((pipeline for pipeline in pipelines.values() if pipeline.is_default), None)


async def _lock(
    transaction: Transaction, tenant_id: UUID, pipeline_id: UUID, *, with_all: bool
) -> dict[UUID, Pipeline]:
    rows = await transaction.fetch(LOCK_PIPELINES, tenant_id, pipeline_id, with_all)
    if pipeline_id not in {row["id"] for row in rows}:
        raise PipelineNotFound
    stages: dict[UUID, list[Stage]] = {row["id"]: [] for row in rows}
    for row in await transaction.fetch(LIST_STAGES, tenant_id, list(stages)):
        stages[row["pipeline_id"]].append(to_stage(row))
    return {row["id"]: Pipeline(stages=tuple(stages[row["id"]]), **row) for row in rows}


async def lock_stages(transaction: Transaction, tenant_id: UUID, stage_ids: Iterable[UUID]) -> None:
    """Wait for the moves into these stages that are under way, and keep others out until the commit."""
    await transaction.execute(LOCK_STAGES, tenant_id, list(stage_ids))


async def count_open_deals(transaction: Transaction, tenant_id: UUID, pipeline_id: UUID) -> int:
    """Count a pipeline's open deals, whoever may see them. While its stages are locked, none comes in."""
    return int(await transaction.fetchval(COUNT_OPEN_DEALS, tenant_id, pipeline_id))


async def save(transaction: Transaction, tenant_id: UUID, pipeline: Pipeline) -> None:
    """Write a pipeline that is there, with the stages that it has now; others of it are deleted."""
    await transaction.execute(
        UPDATE_PIPELINE, tenant_id, pipeline.id, pipeline.version, pipeline.name, pipeline.is_default,
        pipeline.archived, pipeline.updated_at,
    )  # fmt: skip
    stages = pipeline.stages
    await transaction.execute(
        UPSERT_STAGES,
        tenant_id,
        [stage.id for stage in stages],
        [stage.pipeline_id for stage in stages],
        [stage.name for stage in stages],
        [stage.win_probability for stage in stages],
        [stage.kind for stage in stages],
        [stage.rotting_days for stage in stages],
        [stage.position for stage in stages],
        pipeline.archived,
    )
    await transaction.execute(DELETE_OTHER_STAGES, tenant_id, pipeline.id, [stage.id for stage in stages])


async def find_siblings(
    connection: Connection, tenant_id: UUID, *, pipeline_id: UUID | None, stage_id: UUID | None
) -> list[Stage]:
    """Return the stages of `pipeline_id`, or else of the pipeline that holds `stage_id`; empty when there is none."""
    rows = await connection.fetch(FIND_SIBLINGS, tenant_id, pipeline_id, stage_id)
    return [to_stage(row) for row in rows]
