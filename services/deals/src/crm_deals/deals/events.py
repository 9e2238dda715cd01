"""Where the deal's classes meet their names on the wire."""

from typing import Any, Final

from crm_deals.deals.domain import (
    FIELDS,
    Deal,
    DealCreated,
    DealDeleted,
    DealEdited,
    DealEvent,
    DealMoved,
    DealRestored,
    DealStatus,
    DealStatusChanged,
)
from crm_shared.contracts import Change, EventMapping

STATUS_VERBS = {DealStatus.WON: "won", DealStatus.LOST: "lost", DealStatus.OPEN: "reopened"}


def to_state(deal: Deal) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return FIELDS.read(deal)


def _verb_of_status(event: DealStatusChanged) -> str:
    return STATUS_VERBS[event.deal.status]


def _revise(event: DealEvent, changed: dict[str, Change]) -> dict[str, Change]:
    """Add the stages' names to a move, for readers that have no pipelines."""
    if isinstance(event, DealMoved):
        return {**changed, "stage_name": {"from": event.from_stage.name, "to": event.to_stage.name}}
    return changed


MAPPING: Final[EventMapping[Deal, DealEvent]] = EventMapping(
    "deal",
    to_state,
    {
        DealCreated: "created",
        DealEdited: "updated",
        DealMoved: "stage_changed",
        DealStatusChanged: _verb_of_status,
        DealDeleted: "deleted",
        DealRestored: "restored",
    },
    _revise,
)
