"""Where the pipeline's classes meet their names on the wire."""

from typing import Any
from uuid import UUID

from crm_deals.pipelines.domain import (
    Pipeline,
    PipelineArchived,
    PipelineCreated,
    PipelineEdited,
    PipelineEvent,
    Stage,
)
from crm_shared.contracts import Change, OutboxEvent, new_event

VERBS: dict[type[PipelineEvent], str] = {
    PipelineCreated: "created",
    PipelineEdited: "updated",
    PipelineArchived: "archived",
}
TOLD_FIELDS = ("name", "is_default", "archived", "stages")


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
    """Give the whole state: what GET answers and what events carry."""
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


def to_wire(event: PipelineEvent, *, tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    return new_event(
        aggregate="pipeline",
        aggregate_id=event.pipeline.id,
        verb=VERBS[type(event)],
        version=event.pipeline.version,
        tenant_id=tenant_id,
        occurred_at=event.at,
        state=to_state(event.pipeline),
        changed=None if isinstance(event, PipelineCreated) else _list_changes(event.before, event.pipeline),
        actor_id=actor_id,
    )


def _list_changes(before: Pipeline, after: Pipeline) -> dict[str, Change]:
    old, new = to_state(before), to_state(after)
    return {name: {"from": old[name], "to": new[name]} for name in TOLD_FIELDS if old[name] != new[name]}


def snapshot(pipeline: Pipeline, *, tenant_id: UUID) -> OutboxEvent:
    """Repeat the present state, for a projection that starts from nothing."""
    return new_event(
        aggregate="pipeline",
        aggregate_id=pipeline.id,
        verb="snapshot",
        version=pipeline.version,
        tenant_id=tenant_id,
        occurred_at=pipeline.updated_at,
        state=to_state(pipeline),
        changed=None,
        actor_id=None,
    )
