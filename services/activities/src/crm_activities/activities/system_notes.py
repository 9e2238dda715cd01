"""What the suite itself writes into timelines: what a note tells of, as words and as data. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.activities.domain import begin

UserNames = Mapping[tuple[UUID, UUID], str]
"""(tenant id, user id) -> full name, of those who are known here."""


@dataclass(frozen=True, slots=True)
class NoteText:
    """`body` for who reads it, `kind` and `facts` for a client that says it in its own language."""

    kind: str
    body: str
    facts: Mapping[str, Any]


class Noteworthy(Protocol):
    """One change of another service's record, of `version` of it.

    `note_id` is the note's wherever and however often it is written: made of the record, its version and the kind.
    """

    @property
    def tenant_id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def note_id(self) -> UUID: ...
    @property
    def contact_id(self) -> UUID | None: ...
    @property
    def deal_id(self) -> UUID | None: ...
    @property
    def done_by(self) -> UUID | None: ...
    @property
    def done_at(self) -> datetime: ...

    def list_user_ids(self) -> tuple[UUID, ...]:
        """Return the users whom the text names."""

    def write(self, names: UserNames) -> NoteText: ...


@dataclass(frozen=True, slots=True)
class Note:
    """What a change leaves behind. `deal_version` is its place among the notes of one instant."""

    activity: Activity
    deal_version: int


def to_note(change: Noteworthy, names: UserNames, *, now: datetime) -> Activity:
    """Write the note of a change: in the timelines at the moment of the change, whenever we hear of it."""
    text = change.write(names)
    new = NewActivity(
        type=ActivityType.NOTE,
        contact_id=change.contact_id,
        deal_id=change.deal_id,
        user_id=change.done_by,
        body=text.body,
        occurred_at=change.done_at,
        system_kind=text.kind,
        facts=text.facts,
    )
    return begin(change.note_id, new, now=now, system=True)
