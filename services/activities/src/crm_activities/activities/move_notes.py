"""Moves of deals, as their events tell of them, and what the note of each says. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from crm_activities.activities.system_notes import NoteText, UserNames
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
    done_by: UUID | None
    done_at: datetime
    from_stage_id: str | None = None
    to_stage_id: str | None = None

    @property
    def note_id(self) -> UUID:
        """The id that the note of this move has wherever and however often it is written.

        From (deal id, version) and not the event's id: a snapshot tells of the same move under another event id.
        """
        return uuid5(self.deal_id, f"moved-at-version-{self.version}")

    def list_user_ids(self) -> tuple[UUID, ...]:
        return ()

    def write(self, names: UserNames) -> NoteText:
        del names
        facts = {
            "from_stage": {"id": self.from_stage_id, "name": self.from_stage},
            "to_stage": {"id": self.to_stage_id, "name": self.to_stage},
        }
        return NoteText("deal_moved", f"Deal moved from {self.from_stage} to {self.to_stage}", facts)


def list_moves(event: Event) -> Iterator[Move]:
    """Yield the moves that a deal's event tells of: one, none, or for a snapshot all that its history holds.

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
                    done_by=entry.changed_by,
                    done_at=entry.changed_at,
                    from_stage_id=str(entry.from_stage.id),
                    to_stage_id=str(entry.to_stage.id),
                )


def _read_move(event: Event) -> Move:
    names = (event.changed or {}).get("stage_name")
    if names is None or not isinstance(names["from"], str) or not isinstance(names["to"], str):
        raise BadRecord("field changed.stage_name does not name both stages")
    ids: Mapping[str, Any] = (event.changed or {}).get("stage_id") or {}
    return Move(
        tenant_id=event.tenant_id,
        deal_id=event.aggregate_id,
        version=event.version,
        contact_id=event.read_uuid("contact_id"),
        from_stage=names["from"],
        to_stage=names["to"],
        done_by=event.actor_id,
        done_at=event.occurred_at,
        from_stage_id=_read_id(ids.get("from")),
        to_stage_id=_read_id(ids.get("to")),
    )


def _read_id(value: Any) -> str | None:
    return value if isinstance(value, str) else None
