"""Where the deal's classes meet their names on the wire."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from crm_deals.deals.domain import (
    Deal,
    DealCreated,
    DealDeleted,
    DealEdited,
    DealEvent,
    DealMoved,
    DealRestored,
    DealSettled,
    DealStatus,
)
from crm_shared.contracts import Change, OutboxEvent, new_event
from crm_shared.contracts.changes import list_changes

STATE_FIELDS = tuple(field.name for field in fields(Deal))
SETTLED_VERBS = {DealStatus.WON: "won", DealStatus.LOST: "lost", DealStatus.OPEN: "reopened"}


def to_state(deal: Deal) -> dict[str, Any]:
    """Give the whole state: what GET answers and what events carry."""
    return {name: getattr(deal, name) for name in STATE_FIELDS}


def to_wire(events: Sequence[DealEvent], *, tenant_id: UUID, actor_id: UUID | None) -> list[OutboxEvent]:
    """Build the events of one decision, in order."""
    wire = []
    for event in events:
        verb, changed = _describe(event)
        wire.append(
            new_event(
                aggregate="deal",
                aggregate_id=event.deal.id,
                verb=verb,
                version=event.deal.version,
                tenant_id=tenant_id,
                occurred_at=event.at,
                state=to_state(event.deal),
                changed=changed,
                actor_id=actor_id,
            )
        )
    return wire


def snapshot(deal: Deal, *, tenant_id: UUID, history: Sequence[dict[str, Any]]) -> OutboxEvent:
    """Repeat the present state with the whole stage history, for a projection that starts from nothing."""
    return new_event(
        aggregate="deal",
        aggregate_id=deal.id,
        verb="snapshot",
        version=deal.version,
        tenant_id=tenant_id,
        occurred_at=deal.updated_at,
        state=to_state(deal),
        changed=None,
        actor_id=None,
        history=history,
    )


def _describe(event: DealEvent) -> tuple[str, dict[str, Change] | None]:
    match event:
        case DealCreated():
            return "created", None
        case DealEdited():
            return "updated", list_changes(event.before, event.deal, STATE_FIELDS)
        case DealMoved():
            return "stage_changed", {
                **list_changes(event.before, event.deal, STATE_FIELDS),
                "stage_name": {"from": event.from_stage.name, "to": event.to_stage.name},
            }
        case DealDeleted():
            return "deleted", list_changes(event.before, event.deal, STATE_FIELDS)
        case DealRestored():
            return "restored", list_changes(event.before, event.deal, STATE_FIELDS)
        case DealSettled():
            return SETTLED_VERBS[event.deal.status], list_changes(event.before, event.deal, STATE_FIELDS)
