"""Merging and its undoing: the rules. No I/O, no clock but the instant handed in.

A merge keeps what it changed of the survivor, field by field. That is all an undo needs: the other contact keeps its
own values while it is hidden.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from crm_contacts.contacts.domain import (
    NAMING_FIELDS,
    Contact,
    ContactMerged,
    ContactUnmerged,
    NewContact,
    shares_beside,
)
from crm_contacts.tags import to_tags
from crm_shared.record_fields import field_names
from crm_shared.refusals import Conflict, InvalidField, NotFound

UNITED: Final = ("tags", "custom_data", "shares")
COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in field_names(NewContact) if name not in {*UNITED, "phone_e164"}},
    "phone": ("phone", "phone_e164"),
}
"""The fields that may be chosen, each with the columns that go with it: all that can be said and is not united."""

CUSTOM_PREFIX: Final = "custom_data."
MERGED_FIELDS: Final = (*(column for columns in COMPANIONS.values() for column in columns), *UNITED)
ABSENT: Final = object()

Changed = Mapping[str, Mapping[str, Any]]
"""What a merge changed of the survivor: {field: {"from": …, "to": …}}."""

Shares = Sequence[Mapping[str, Any]]


class Choice(StrEnum):
    """Whose value the survivor is to have: `this` is the survivor's own."""

    THIS = "this"
    OTHER = "other"


Choices = Mapping[str, Choice]
"""By field; a custom field is `custom_data.<key>`."""


class MergeNotFound(NotFound):
    """Absent, or both its contacts out of the caller's sight."""

    def __init__(self) -> None:
        super().__init__("There is no such merge.")


class AlreadyMerged(Conflict):
    slug, title = "already-merged", "The two are merged already"

    def __init__(self, survivor_id: UUID) -> None:
        super().__init__("The other contact was merged into this one already.", extensions={"merged_into": survivor_id})


class AlreadyUndone(Conflict):
    slug, title = "already-undone", "The merge was undone already"

    def __init__(self) -> None:
        super().__init__("The merge was undone already. To merge the two again is a new merge.")


class LaterMerge(Conflict):
    """The survivor took part in another merge since: undone in the wrong order, the two would mix up values."""

    slug, title = "later-merge", "A later merge builds on this one"

    def __init__(self, merge_id: UUID) -> None:
        super().__init__(
            "A later merge builds on this one. Undo that one first: `merge_id` names it.",
            extensions={"merge_id": merge_id},
        )


class MergeErased(Conflict):
    slug, title = "merge-erased", "What the merge knew was erased"

    def __init__(self) -> None:
        super().__init__("The person was erased, and with them what the merge could give back.")


class NamelessSurvivor(Conflict):
    slug, title = "nameless-survivor", "The surviving contact would have no name left"

    def __init__(self) -> None:
        super().__init__(
            "Without what the merge brought the surviving contact would have none of "
            f"{', '.join(NAMING_FIELDS)}. Give it one of them, then undo."
        )


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge as kept. `changed`: what it changed of the survivor; None once it is undone or the person erased.

    The versions are those that the merge gave the two: whatever is higher came later. `merged_by` None: the system.
    """

    id: UUID
    survivor_id: UUID
    other_id: UUID
    survivor_version: int
    other_version: int
    choices: Choices
    changed: Changed | None
    merged_at: datetime
    merged_by: UUID | None
    undone_at: datetime | None = None
    undone_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Merging:
    """What a merge makes of the two, and what it changed of the survivor."""

    survivor: ContactMerged
    other: ContactMerged
    changed: Changed


@dataclass(frozen=True, slots=True)
class Unmerging:
    survivor: ContactUnmerged
    other: ContactUnmerged


def merge(
    survivor: Contact, other: Contact, choices: Choices, *, active_owner_ids: frozenset[UUID], now: datetime
) -> Merging:
    """Unite two living contacts in `survivor` and hide `other`.

    A field not chosen is the survivor's, or the other's where the survivor has none; one that is chosen is taken as
    it is, empty too. Tags and shares are united, the stronger permission counts. Whoever owned one of the two and
    does not own the survivor keeps it in sight by a WRITE share, if they are among `active_owner_ids`: none for a merge
    that nobody decided. Raises InvalidField when the choices leave nothing that says who it is.
    """
    taken = {
        column: getattr(_pick(survivor, other, field, choices), column)
        for field, columns in COMPANIONS.items()
        for column in columns
    }
    united = replace(
        survivor,
        **taken,
        tags=to_tags((*survivor.tags, *other.tags)),
        custom_data=_unite_custom_data(survivor.custom_data, other.custom_data, choices),
        version=survivor.version + 1,
        updated_at=now,
    )
    left = [owner_id for owner_id in (survivor.owner_id, other.owner_id) if owner_id in active_owner_ids]
    shares = _unite_shares(survivor.shares, other.shares, left, now)
    united = replace(united, shares=shares_beside(united.owner_id, shares))
    if not _is_named(united):
        raise InvalidField.at("/choices", f"leave none of {', '.join(NAMING_FIELDS)}")
    hidden = replace(other, deleted_at=now, merged_into=survivor.id, version=other.version + 1, updated_at=now)
    return Merging(
        ContactMerged(united, before=survivor, at=now),
        ContactMerged(hidden, before=other, at=now),
        changed=_list_changes(survivor, united),
    )


def are_shared_alike(one: Contact, other: Contact) -> bool:
    """Are the two shared with the same people, to do the same? Who owns one of them needs no share of it.

    Where not, merging them shows somebody what was not shared with them, or hides from somebody what was.
    """
    owners = {str(one.owner_id), str(other.owner_id)}
    ours, theirs = (
        {user_id: share["permission"] for user_id, share in _by_user(contact.shares).items() if user_id not in owners}
        for contact in (one, other)
    )
    return ours == theirs


def undo(survivor: Contact, other: Contact, changed: Changed, *, now: datetime) -> Unmerging:
    """Return the survivor back what it had and bring the other back to light.

    `changed` is the merge's. A field whose value is no longer the one that the merge gave it was edited since and
    stays; so with each tag, custom field and share by itself. A survivor that was deleted since stays deleted.
    Raises NamelessSurvivor.
    """
    unmerged = replace(survivor, **_give_back(survivor, changed), version=survivor.version + 1, updated_at=now)
    unmerged = replace(unmerged, shares=shares_beside(unmerged.owner_id, unmerged.shares))
    if not _is_named(unmerged):
        raise NamelessSurvivor
    shown = replace(other, deleted_at=None, merged_into=None, version=other.version + 1, updated_at=now)
    return Unmerging(
        ContactUnmerged(unmerged, before=survivor, at=now),
        ContactUnmerged(shown, before=other, at=now),
    )


def _list_changes(before: Contact, after: Contact) -> dict[str, dict[str, Any]]:
    return {
        name: {"from": getattr(before, name), "to": getattr(after, name)}
        for name in MERGED_FIELDS
        if getattr(before, name) != getattr(after, name)
    }


def _pick(survivor: Contact, other: Contact, field: str, choices: Choices) -> Contact:
    choice = choices.get(field)
    if choice is None:
        return other if getattr(survivor, field) is None else survivor
    return other if choice is Choice.OTHER else survivor


def _unite_custom_data(own: Mapping[str, Any], others: Mapping[str, Any], choices: Choices) -> dict[str, Any]:
    united = {}
    for key in {**own, **others}:
        choice = choices.get(CUSTOM_PREFIX + key)
        is_others = own.get(key) is None if choice is None else choice is Choice.OTHER
        source = others if is_others else own
        if key in source:
            united[key] = source[key]
    return united


def _unite_shares(own: Shares, others: Shares, left: Sequence[UUID], now: datetime) -> Shares:
    united = _by_user(own)
    kept = [{"user_id": one, "permission": "WRITE", "created_at": now, "created_by": None} for one in left]
    for user_id, share in (*_by_user(others).items(), *_by_user(kept).items()):
        if user_id not in united or (united[user_id]["permission"], share["permission"]) == ("READ", "WRITE"):
            united[user_id] = share
    return list(united.values())


def _give_back(survivor: Contact, changed: Changed) -> dict[str, Any]:
    """Return the fields that go back to what they were. Columns that belong together go together or not at all."""
    back = {
        column: changed[column]["from"]
        for columns in COMPANIONS.values()
        if all(column not in changed or getattr(survivor, column) == changed[column]["to"] for column in columns)
        for column in columns
        if column in changed
    }
    if "tags" in changed:
        brought = set(changed["tags"]["to"]) - set(changed["tags"]["from"])
        back["tags"] = tuple(tag for tag in survivor.tags if tag not in brought)
    if "custom_data" in changed:
        back["custom_data"] = dict(_part(survivor.custom_data, changed["custom_data"]))
    if "shares" in changed:
        sides = {side: _by_user(shares) for side, shares in changed["shares"].items()}
        back["shares"] = [share for _, share in _part(_by_user(survivor.shares), sides)]
    return back


def _part(present: Mapping[str, Any], change: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield each key with the value that it is to have: the former one where nobody touched it since the merge."""
    before, after = change["from"], change["to"]
    for key in {**before, **present}:
        was_touched = present.get(key, ABSENT) != after.get(key, ABSENT)
        value = present.get(key, ABSENT) if was_touched else before.get(key, ABSENT)
        if value is not ABSENT:
            yield key, value


def _by_user(shares: Shares) -> dict[str, Any]:
    return {str(share["user_id"]): share for share in shares}


def _is_named(contact: Contact) -> bool:
    return any(getattr(contact, name) is not None for name in NAMING_FIELDS)
