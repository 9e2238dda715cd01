"""Changes of owners, merges and partings, as their events tell of them, and what the note of each says. No I/O.

Snapshots tell of none of them: they hold what is, not what was. Contacts are named by their ids alone, so that nobody's
name is left here when they are erased.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from crm_activities.activities.system_notes import NoteText, UserNames
from crm_shared.contracts import SNAPSHOT, BadRecord, Event
from crm_shared.contracts.topics import ERASED

MERGED_BODY = "Another contact was merged into this one"
SURVIVOR_BODY = "A contact that had been merged into this one was parted from it"
UNMERGED_BODY = "This contact was parted from the one that it had been merged into"


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A deal or contact went from one owner to another; `record` is `deal` or `contact`, None an owner nobody was."""

    tenant_id: UUID
    record: str
    record_id: UUID
    version: int
    contact_id: UUID | None
    deal_id: UUID | None
    from_id: UUID | None
    to_id: UUID | None
    done_by: UUID | None
    done_at: datetime

    @property
    def note_id(self) -> UUID:
        return uuid5(self.record_id, f"owner-changed-at-version-{self.version}")

    def list_user_ids(self) -> tuple[UUID, ...]:
        return tuple(user_id for user_id in (self.from_id, self.to_id) if user_id is not None)

    def write(self, names: UserNames) -> NoteText:
        """Name both as they are called here by now; one who is not known here yet has an id alone."""
        before, after = self._name(self.from_id, names), self._name(self.to_id, names)
        body = f"{self.record.capitalize()} owner changed from {_to_words(before)} to {_to_words(after)}"
        return NoteText(f"{self.record}_owner_changed", body, {"from_owner": before, "to_owner": after})

    def _name(self, user_id: UUID | None, names: UserNames) -> dict[str, str | None] | None:
        return None if user_id is None else {"id": str(user_id), "name": names.get((self.tenant_id, user_id))}


def _to_words(owner: dict[str, str | None] | None) -> str:
    return "nobody" if owner is None else owner["name"] or "somebody"


@dataclass(frozen=True, slots=True)
class MergeChange:
    """A contact was merged into another or parted from it: one note, in the timeline of `contact_id`.

    `moment` tells the notes of one event apart and makes their ids.
    """

    tenant_id: UUID
    kind: str
    moment: str
    body: str
    other_id: UUID
    survivor_id: UUID
    version: int
    contact_id: UUID
    done_by: UUID | None
    done_at: datetime
    deal_id: None = None

    @property
    def note_id(self) -> UUID:
        return uuid5(self.other_id, f"{self.moment}-at-version-{self.version}")

    def list_user_ids(self) -> tuple[UUID, ...]:
        return ()

    def write(self, names: UserNames) -> NoteText:
        del names
        facts = {"contact": {"id": str(self.survivor_id)}, "merged_contact": {"id": str(self.other_id)}}
        return NoteText(self.kind, self.body, facts)


def list_owner_changes(event: Event) -> Iterator[OwnerChange]:
    """Yield the change of owner that an event of a deal or contact tells of, if it does. Raises BadRecord."""
    change = (event.changed or {}).get("owner_id")
    if change is None or event.verb in {SNAPSHOT, ERASED} or change["from"] == change["to"]:
        return
    is_deal = event.aggregate == "deal"
    yield OwnerChange(
        tenant_id=event.tenant_id,
        record=event.aggregate,
        record_id=event.aggregate_id,
        version=event.version,
        contact_id=event.read_uuid("contact_id") if is_deal else event.aggregate_id,
        deal_id=event.aggregate_id if is_deal else None,
        from_id=_read_id(change["from"], "changed.owner_id"),
        to_id=_read_id(change["to"], "changed.owner_id"),
        done_by=event.actor_id,
        done_at=event.occurred_at,
    )


def list_merge_changes(event: Event) -> Iterator[MergeChange]:
    """Yield the notes of a merge or a parting, by the event of the contact that was merged. Raises BadRecord.

    The survivor's own event, of the same verb, tells of neither.
    """
    if event.verb == "merged":
        survivor_id = event.read_uuid("merged_into")
        if survivor_id is not None:
            yield _to_merge(event, survivor_id, survivor_id, "merged", MERGED_BODY)
    elif event.verb == "unmerged":
        change = (event.changed or {}).get("merged_into") or {"from": None}
        survivor_id = _read_id(change["from"], "changed.merged_into")
        if survivor_id is not None:
            yield _to_merge(event, survivor_id, survivor_id, "gave-back", SURVIVOR_BODY)
            yield _to_merge(event, survivor_id, event.aggregate_id, "parted", UNMERGED_BODY)


def _to_merge(event: Event, survivor_id: UUID, contact_id: UUID, moment: str, body: str) -> MergeChange:
    return MergeChange(
        tenant_id=event.tenant_id,
        kind="contact_merged" if moment == "merged" else "contact_unmerged",
        moment=moment,
        body=body,
        other_id=event.aggregate_id,
        survivor_id=survivor_id,
        version=event.version,
        contact_id=contact_id,
        done_by=event.actor_id,
        done_at=event.occurred_at,
    )


def _read_id(value: Any, field: str) -> UUID | None:
    if value is None:
        return None
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise BadRecord(f"field {field} is not a UUID") from None
