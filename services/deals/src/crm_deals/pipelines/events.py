"""Where the pipeline's classes meet their names on the wire."""

from typing import Any, Final

from crm_deals.pipelines.domain import (
    Pipeline,
    PipelineArchived,
    PipelineCreated,
    PipelineEdited,
    PipelineEvent,
    Stage,
)
from crm_shared.contracts import EventMapping


def stage_to_state(stage: Stage) -> dict[str, Any]:
    return {
        "id": stage.id,
        "name": stage.name,
        "win_probability": stage.win_probability,
        "kind": stage.kind,
        "rotting_days": stage.rotting_days,
        "position": stage.position,
    }


def to_state(pipeline: Pipeline) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return {
        "id": pipeline.id,
        "version": pipeline.version,
        "name": pipeline.name,
        "is_default": pipeline.is_default,
        "archived": pipeline.archived,
        "stages": [stage_to_state(stage) for stage in pipeline.stages],
        "created_at": pipeline.created_at,
        "updated_at": pipeline.updated_at,
    }


MAPPING: Final[EventMapping[Pipeline, PipelineEvent]] = EventMapping(
    "pipeline",
    to_state,
    {PipelineCreated: "created", PipelineEdited: "updated", PipelineArchived: "archived"},
)
