"""Moves of deals, as their events tell of them, and the note that each leaves behind. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from crm_activities.activities.domain import Activity, ActivityType
from crm_shared.contracts import SNAPSHOT, BadRecord, Event
from crm_shared.contracts.states import DealState


@dataclass(frozen=True, slots=True)
class Move:
    """A deal went from one stage to another, both named as they were called then; `version` is the deal's own."""

    tenant_id: UUID
    deal_id: UUID
    version: int
    contact_id: UUID | None
    from_stage: str
    to_stage: str
    moved_by: UUID | None
    moved_at: datetime

    @property
    def note_id(self) -> UUID:
        """The id that the note of this move has wherever and however often it is written.

        From (deal id, version) and not the event's id: a snapshot tells of the same move under another event id.
        """
        return uuid5(self.deal_id, f"moved-at-version-{self.version}")


def list_moves(event: Event) -> Iterator[Move]:
    """Give the moves that a deal's event tells of: one, none, or for a snapshot all that its history holds.

    A snapshot does not say which contact a deal had at a past move, so the present one stands for it; notes that are
    there already keep theirs. Raises BadRecord for a move without the stages' names or with a broken state.
    """
    if event.verb == "stage_changed":
        yield _read_move(event)
    elif event.verb == SNAPSHOT and event.history:
        contact_id = event.read(DealState).contact_id
        for entry in event.read_history():
            if entry.from_stage is not None:
                yield Move(
                    tenant_id=event.tenant_id,
                    deal_id=event.aggregate_id,
                    version=entry.version,
                    contact_id=contact_id,
                    from_stage=entry.from_stage.name,
                    to_stage=entry.to_stage.name,
                    moved_by=entry.changed_by,
                    moved_at=entry.changed_at,
                )


def _read_move(event: Event) -> Move:
    names = (event.changed or {}).get("stage_name")
    if names is None or not isinstance(names["from"], str) or not isinstance(names["to"], str):
        raise BadRecord("field changed.stage_name does not name both stages")
    return Move(
        tenant_id=event.tenant_id,
        deal_id=event.aggregate_id,
        version=event.version,
        contact_id=event.read_uuid("contact_id"),
        from_stage=names["from"],
        to_stage=names["to"],
        moved_by=event.actor_id,
        moved_at=event.occurred_at,
    )


def to_note(move: Move, *, now: datetime) -> Activity:
    """Write the note of a move: in the timelines at the moment of the move, whenever we hear of it."""
    return Activity(
        id=move.note_id,
        version=1,
        type=ActivityType.NOTE,
        contact_id=move.contact_id,
        original_contact_id=None,
        deal_id=move.deal_id,
        user_id=move.moved_by,
        subject=None,
        body=f"Deal moved from {move.from_stage} to {move.to_stage}",
        scheduled_at=None,
        completed_at=None,
        occurred_at=move.moved_at,
        direction=None,
        in_reply_to=None,
        duration_s=None,
        external_id=None,
        system=True,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
