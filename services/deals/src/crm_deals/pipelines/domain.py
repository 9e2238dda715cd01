"""Pipelines and stages: the rules. No I/O, no clock but the instant handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from crm_shared.refusals import Conflict, InvalidField, NotFound


class PipelineNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such pipeline.")


class StageNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such stage in this pipeline.")


class StageInUse(Conflict):
    slug, title = "stage-in-use", "The stage holds deals"


class LastOpenStage(Conflict):
    """Without an OPEN stage no deal could start."""

    slug, title = "last-open-stage", "A pipeline needs an OPEN stage"


class PipelineInUse(Conflict):
    slug, title = "pipeline-in-use", "The pipeline holds open deals"


class DefaultPipeline(Conflict):
    slug, title = "default-pipeline", "The default pipeline can't be put away"


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

    def find_sibling(self, stage: Stage) -> Stage | None:
        """Return the first other stage that means the same for its deals: open, won or lost."""
        return next((other for other in self.stages if other.kind is stage.kind and other.id != stage.id), None)

    def find_stage(self, stage_id: UUID) -> Stage:
        """Return the stage. Raises StageNotFound."""
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        raise StageNotFound


@dataclass(frozen=True, slots=True)
class NewStage:
    """What a caller says of a stage to be; what is left out follows from the name and the kind."""

    name: str
    win_probability: int | None
    kind: StageKind | None
    rotting_days: int | None


@dataclass(frozen=True, slots=True)
class PipelineCreated:
    pipeline: Pipeline
    at: datetime


@dataclass(frozen=True, slots=True)
class PipelineEdited:
    """Any change of the pipeline or of its stages, but for its putting away."""

    pipeline: Pipeline
    before: Pipeline
    at: datetime


@dataclass(frozen=True, slots=True)
class PipelineArchived:
    pipeline: Pipeline
    before: Pipeline
    at: datetime


PipelineChange = PipelineEdited | PipelineArchived
PipelineEvent = PipelineCreated | PipelineChange

MAX_STAGES = 100
KIND_OF_NAME = {"closed won": StageKind.WON, "closed lost": StageKind.LOST}
PROBABILITY_OF_KIND = {StageKind.OPEN: 50, StageKind.WON: 100, StageKind.LOST: 0}
"""For a stage that comes without one."""


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


def to_default_id(tenant_id: UUID) -> UUID:
    """Return the id of the pipeline that a tenant begins with."""
    return uuid5(tenant_id, "default-pipeline")


def create_default(tenant_id: UUID, *, now: datetime) -> PipelineCreated:
    """Make a tenant's first pipeline. Its ids follow from the tenant's, so making it twice makes the same one."""
    pipeline_id = to_default_id(tenant_id)
    stages = tuple(
        Stage(uuid5(pipeline_id, f"stage-{position}"), pipeline_id, name, probability, kind, None, position)
        for position, (name, probability, kind) in enumerate(DEFAULT_STAGES)
    )
    return PipelineCreated(
        Pipeline(pipeline_id, 1, DEFAULT_NAME, True, False, stages, created_at=now, updated_at=now),  # noqa: FBT003 - the record's own fields, in order
        at=now,
    )


def create(pipeline_id: UUID, name: str, stages: Sequence[tuple[UUID, NewStage]], *, now: datetime) -> PipelineCreated:
    """Make a pipeline of stages in this order, each with its id to be. Raises InvalidField."""
    made = tuple(
        make_stage(stage_id, pipeline_id, new, position=position) for position, (stage_id, new) in enumerate(stages)
    )
    for position, stage in enumerate(made):
        _require_other_name(made[:position], stage.name, pointer=f"/stages/{position}/name")
    if not any(stage.kind is StageKind.OPEN for stage in made):
        raise InvalidField.at("/stages", "needs an OPEN stage")
    pipeline = Pipeline(pipeline_id, 1, name, False, False, made, created_at=now, updated_at=now)  # noqa: FBT003 - the record's own fields, in order
    return PipelineCreated(pipeline, at=now)


def make_stage(stage_id: UUID, pipeline_id: UUID, new: NewStage, *, position: int) -> Stage:
    """Fill in what the caller left out: Closed Won and Closed Lost are what they say, other names are OPEN."""
    kind = new.kind or KIND_OF_NAME.get(new.name.casefold(), StageKind.OPEN)
    probability = PROBABILITY_OF_KIND[kind] if new.win_probability is None else new.win_probability
    return Stage(stage_id, pipeline_id, new.name, probability, kind, new.rotting_days, position)


def edit(pipeline: Pipeline, changes: Mapping[str, Any], *, open_deals: int, now: datetime) -> PipelineChange | None:
    """Set `name`, `is_default` or `archived`; None when all are as they were.

    `open_deals`: how many it holds. Raises PipelineInUse, DefaultPipeline, InvalidField.
    """
    effective = {name: value for name, value in changes.items() if getattr(pipeline, name) != value}
    if not effective:
        return None
    if effective.get("is_default") is False:
        raise InvalidField.at("/is_default", "make another pipeline the default instead")
    edited = _raise_version(pipeline, now=now, **effective)
    if edited.archived and edited.is_default:
        raise DefaultPipeline("Make another pipeline the default first.")
    if not effective.get("archived"):
        return PipelineEdited(edited, before=pipeline, at=now)
    if open_deals:
        raise PipelineInUse(
            f"Move or close its {open_deals} open deals first.", extensions={"open_deal_count": open_deals}
        )
    return PipelineArchived(edited, before=pipeline, at=now)


def step_down(pipeline: Pipeline, *, now: datetime) -> PipelineEdited:
    """Another pipeline has become the default."""
    return PipelineEdited(_raise_version(pipeline, now=now, is_default=False), before=pipeline, at=now)


def add_stage(
    pipeline: Pipeline, stage_id: UUID, new: NewStage, *, position: int | None, now: datetime
) -> PipelineEdited:
    """Insert a stage at `position`, at the end without one; those behind it move on by one. Raises InvalidField."""
    if len(pipeline.stages) >= MAX_STAGES:
        raise InvalidField.at("/name", f"would be more than {MAX_STAGES} stages")
    _require_other_name(pipeline.stages, new.name, pointer="/name")
    index = len(pipeline.stages) if position is None else position
    if index > len(pipeline.stages):
        raise InvalidField.at("/position", f"takes 0 to {len(pipeline.stages)}")
    stages = list(pipeline.stages)
    stages.insert(index, make_stage(stage_id, pipeline.id, new, position=index))
    return _put_in_order(pipeline, stages, now=now)


def edit_stage(
    pipeline: Pipeline, stage_id: UUID, changes: Mapping[str, Any], *, holds_deals: bool, now: datetime
) -> PipelineEdited | None:
    """Set fields of one stage; None when all are as they were.

    `holds_deals` counts only where `kind` changes: what closes a deal may not change under it. Raises StageNotFound,
    StageInUse, LastOpenStage, InvalidField.
    """
    stage = pipeline.find_stage(stage_id)
    edited = replace(stage, **changes)
    if edited == stage:
        return None
    others = [other for other in pipeline.stages if other.id != stage_id]
    if edited.name != stage.name:
        _require_other_name(others, edited.name, pointer="/name")
    if edited.kind is not stage.kind:
        if holds_deals:
            raise StageInUse("Move its deals to another stage before you change what the stage means for them.")
        _require_open([*others, edited])
    stages = [edited if each.id == stage_id else each for each in pipeline.stages]
    return _put_in_order(pipeline, stages, now=now)


def remove_stage(pipeline: Pipeline, stage_id: UUID, *, now: datetime) -> PipelineEdited:
    """Take a stage out; its deals are elsewhere by now. Raises StageNotFound, LastOpenStage."""
    gone = pipeline.find_stage(stage_id)
    stages = [stage for stage in pipeline.stages if stage.id != gone.id]
    _require_open(stages)
    return _put_in_order(pipeline, stages, now=now)


def reorder(pipeline: Pipeline, stage_ids: Sequence[UUID], *, now: datetime) -> PipelineEdited | None:
    """Put the stages in this order; None when they stand so. Raises InvalidField unless each is named once."""
    by_id = {stage.id: stage for stage in pipeline.stages}
    if len(stage_ids) != len(by_id) or set(stage_ids) != by_id.keys():
        raise InvalidField.at("/stage_ids", "names each stage of the pipeline once")
    if [stage.id for stage in pipeline.stages] == list(stage_ids):
        return None
    return _put_in_order(pipeline, [by_id[stage_id] for stage_id in stage_ids], now=now)


def _put_in_order(pipeline: Pipeline, stages: Sequence[Stage], *, now: datetime) -> PipelineEdited:
    placed = tuple(replace(stage, position=position) for position, stage in enumerate(stages))
    return PipelineEdited(_raise_version(pipeline, now=now, stages=placed), before=pipeline, at=now)


def _raise_version(pipeline: Pipeline, *, now: datetime, **changes: Any) -> Pipeline:
    return replace(pipeline, **changes, version=pipeline.version + 1, updated_at=now)


def _require_open(stages: Sequence[Stage]) -> None:
    if not any(stage.kind is StageKind.OPEN for stage in stages):
        raise LastOpenStage("Add another OPEN stage first.")


def _require_other_name(stages: Sequence[Stage], name: str, *, pointer: str) -> None:
    if any(stage.name.casefold() == name.casefold() for stage in stages):
        raise InvalidField.at(pointer, "is the name of another stage of this pipeline")
