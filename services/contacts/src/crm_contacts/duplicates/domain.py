"""Duplicate candidates: the rules. No I/O, no clock but the instant handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from crm_contacts.contacts.domain import Contact
from crm_shared.refusals import Conflict, NotFound


class Status(StrEnum):
    OPEN = "OPEN"
    MERGED = "MERGED"
    DISMISSED = "DISMISSED"


class Band(StrEnum):
    """AUTO is sure enough to be merged by the system, SUGGEST is for a person to decide."""

    AUTO = "AUTO"
    SUGGEST = "SUGGEST"


class CandidateNotFound(NotFound):
    """Absent, or one of its contacts gone or out of the caller's sight."""

    def __init__(self) -> None:
        super().__init__("There is no such pair of possible duplicates.")


class AlreadyDecided(Conflict):
    slug, title = "already-decided", "The pair was decided already"

    def __init__(self, status: Status, *, merged_into: UUID | None = None) -> None:
        extensions: dict[str, Any] = {"candidate_status": status.value}
        if merged_into is not None:
            extensions["merged_into"] = merged_into
        super().__init__(f"The two were {status.value.lower()} already.", extensions=extensions)


class ContactGone(Conflict):
    """Since it was found, one of the two was deleted, erased, or merged into a third."""

    slug, title = "contact-gone", "One of the two contacts is no longer there"

    def __init__(self, contact_id: UUID, *, merged_into: UUID | None) -> None:
        extensions = {"contact_id": contact_id}
        if merged_into is not None:
            extensions["merged_into"] = merged_into
        super().__init__("One of the two was deleted or merged meanwhile.", extensions=extensions)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contacts, the lower id first, so that each two make one pair."""

    low_id: UUID
    high_id: UUID

    @classmethod
    def of(cls, one: UUID, other: UUID) -> "Pair":
        return cls(min(one, other), max(one, other))

    @property
    def ids(self) -> tuple[UUID, UUID]:
        return (self.low_id, self.high_id)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair as it was scored. `versions` are those of its contacts then, by id."""

    id: UUID
    pair: Pair
    versions: Mapping[UUID, int]
    score: float
    band: Band
    status: Status
    reasons: Sequence[Mapping[str, Any]]
    found_at: datetime


def choose_survivor(one: Contact, other: Contact) -> tuple[Contact, Contact]:
    """Return (survivor, other) for a merge that nobody chose: the one that is longer there.

    Deals, activities and other systems are likelier to name it. Ties fall to the lower id, which is older too.
    """
    older, newer = sorted((one, other), key=lambda contact: (contact.created_at, contact.id))
    return older, newer
