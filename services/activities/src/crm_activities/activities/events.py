"""Where the activity's classes meet their names on the wire."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from crm_activities.activities.domain import (
    Activity,
    ActivityDeleted,
    ActivityEdited,
    ActivityErased,
    ActivityEvent,
    ActivityLogged,
)
from crm_shared.contracts import SNAPSHOT, Change, OutboxEvent, new_event
from crm_shared.contracts.changes import list_changes, list_erasure

STATE_FIELDS = tuple(field.name for field in fields(Activity))


def to_state(activity: Activity) -> dict[str, Any]:
    """Give the whole state: what GET answers and what events carry."""
    return {name: getattr(activity, name) for name in STATE_FIELDS}


def to_wire(events: Sequence[ActivityEvent], *, tenant_id: UUID, actor_id: UUID | None) -> list[OutboxEvent]:
    """Build the events of one decision, in order."""
    wire = []
    for event in events:
        verb, changed = _describe(event)
        wire.append(
            new_event(
                aggregate="activity",
                aggregate_id=event.activity.id,
                verb=verb,
                version=event.activity.version,
                tenant_id=tenant_id,
                occurred_at=event.at,
                state=to_state(event.activity),
                changed=changed,
                actor_id=actor_id,
            )
        )
    return wire


def snapshot(activity: Activity, *, tenant_id: UUID) -> OutboxEvent:
    """Repeat the present state, for a projection that starts from nothing."""
    return new_event(
        aggregate="activity",
        aggregate_id=activity.id,
        verb=SNAPSHOT,
        version=activity.version,
        tenant_id=tenant_id,
        occurred_at=activity.updated_at,
        state=to_state(activity),
        changed=None,
        actor_id=None,
    )


def _describe(event: ActivityEvent) -> tuple[str, dict[str, Change] | None]:
    match event:
        case ActivityLogged():
            return "logged", None
        case ActivityEdited():
            return _verb_of_edit(event), list_changes(event.before, event.activity, STATE_FIELDS)
        case ActivityDeleted():
            return "deleted", list_changes(event.before, event.activity, STATE_FIELDS)
        case ActivityErased():
            return "updated", list_erasure(event.before, event.activity, STATE_FIELDS)


def _verb_of_edit(event: ActivityEdited) -> str:
    """Call an edit that ends a task or takes it up again by that, whatever else it changes."""
    was_completed, is_completed = event.before.completed_at is not None, event.activity.completed_at is not None
    if was_completed == is_completed:
        return "updated"
    return "completed" if is_completed else "reopened"
