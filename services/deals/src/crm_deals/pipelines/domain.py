"""Pipelines and stages: the rules. No I/O, no clock but the instant handed in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5


class StageKind(StrEnum):
    """What being in a stage means for the deal."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline. `win_probability` is a whole percent, `position` counts from 0."""

    id: UUID
    pipeline_id: UUID
    name: str
    win_probability: int
    kind: StageKind
    rotting_days: int | None
    position: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """An ordered list of stages, of which at least one is OPEN."""

    id: UUID
    version: int
    name: str
    is_default: bool
    archived: bool
    stages: tuple[Stage, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def first_stage(self) -> Stage:
        """Where a deal starts when nobody says otherwise: the first OPEN stage."""
        return next(stage for stage in self.stages if stage.kind is StageKind.OPEN)


@dataclass(frozen=True, slots=True)
class PipelineCreated:
    pipeline: Pipeline
    at: datetime


DEFAULT_NAME = "Sales"
DEFAULT_STAGES: tuple[tuple[str, int, StageKind], ...] = (
    ("Qualification", 10, StageKind.OPEN),
    ("Discovery", 25, StageKind.OPEN),
    ("Proposal", 50, StageKind.OPEN),
    ("Negotiation", 75, StageKind.OPEN),
    ("Closed Won", 100, StageKind.WON),
    ("Closed Lost", 0, StageKind.LOST),
)
"""What a new tenant gets (api.md)."""


def create_default(tenant_id: UUID, *, now: datetime) -> PipelineCreated:
    """Make a tenant's first pipeline. Its ids follow from the tenant's, so making it twice makes the same one."""
    pipeline_id = uuid5(tenant_id, "default-pipeline")
    stages = tuple(
        Stage(uuid5(pipeline_id, f"stage-{position}"), pipeline_id, name, probability, kind, None, position)
        for position, (name, probability, kind) in enumerate(DEFAULT_STAGES)
    )
    return PipelineCreated(
        Pipeline(pipeline_id, 1, DEFAULT_NAME, True, False, stages, created_at=now, updated_at=now),  # noqa: FBT003 - the record's own fields, in order
        at=now,
    )
