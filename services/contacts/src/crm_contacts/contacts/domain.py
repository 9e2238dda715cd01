"""Contacts: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_contacts.tags import MAX_TAGS
from crm_shared.contracts.states import ContactSource
from crm_shared.record_fields import FieldReader, Versioned, field_values
from crm_shared.refusals import Conflict, FieldProblem, InvalidField, NotFound, ValueTaken
from crm_shared.retention import RESTORABLE_FOR

NAMING_FIELDS = ("first_name", "last_name", "email", "phone")
"""A contact has one of them at least: without any, nobody could tell who it is."""


class ContactNotFound(NotFound):
    """Absent, or out of the caller's sight. `merged_into`: where the contact lives on, if the caller sees that."""

    def __init__(self, merged_into: UUID | None = None) -> None:
        if merged_into is None:
            super().__init__("There is no such contact.")
        else:
            super().__init__("The contact was merged into another.", extensions={"merged_into": merged_into})


class MergedAway(Conflict):
    """The contact lives on in another, `merged_into`: undoing the merge is what brings it back."""

    slug, title = "merged", "The contact was merged into another"

    def __init__(self, merged_into: UUID) -> None:
        super().__init__("Undo the merge to have it back.", extensions={"merged_into": merged_into})


class DuplicateExternalId(ValueTaken):
    """Another contact has the external id already."""

    slug, title, value = "duplicate-external-id", "The external id is taken", "external id"


@dataclass(frozen=True, kw_only=True)
class NewContact:
    """What a caller says of a contact to be: references are checked, the phone has its E.164 form beside it.

    `phone` is as given, `phone_e164` its one form where it has one; `tags` each once, in order.
    """

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    phone_e164: str | None = None
    company_id: UUID | None = None
    job_title: str | None = None
    source: ContactSource | None = None
    owner_id: UUID
    tags: tuple[str, ...] = ()
    custom_data: Mapping[str, Any] = field(default_factory=dict)
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(NewContact, Versioned):
    """A person: all that was said of them, and what the service keeps beside it."""

    shares: Sequence[Mapping[str, Any]]
    merged_into: UUID | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    erased_at: datetime | None = None


FIELDS: Final = FieldReader(Contact)


@dataclass(frozen=True, slots=True)
class ContactCreated:
    contact: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactEdited:
    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactDeleted:
    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactRestored:
    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactErased:
    """`before` has what is to be told to nobody any more."""

    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactMerged:
    """Told of both: the survivor as united, the other hidden with `merged_into`."""

    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactUnmerged:
    """Told of both: the merge was taken back."""

    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactShared:
    """A share is new, or gives another permission than before."""

    contact: Contact
    before: Contact
    at: datetime


@dataclass(frozen=True, slots=True)
class ContactUnshared:
    contact: Contact
    before: Contact
    at: datetime


ContactEvent = (
    ContactCreated
    | ContactEdited
    | ContactDeleted
    | ContactRestored
    | ContactErased
    | ContactMerged
    | ContactUnmerged
    | ContactShared
    | ContactUnshared
)


NOTHING_PERSONAL: Final[Mapping[str, Any]] = {
    **{name: value for name, value in field_values(NewContact(owner_id=UUID(int=0))).items() if name != "owner_id"},
    "shares": [],
}
"""What each field that says something of the person holds once they are erased: all that can be said but the owner."""


def create(contact_id: UUID, new: NewContact, *, now: datetime) -> ContactCreated:
    """Make a contact. Raises InvalidField when nothing says who it is."""
    contact = begin(contact_id, new, now=now)
    _require_named(contact)
    return ContactCreated(contact, at=now)


def begin(contact_id: UUID, new: NewContact, *, now: datetime) -> Contact:
    """Return the first version of a contact, whether or not something says who it is."""
    return Contact(
        **field_values(new),
        id=contact_id,
        version=1,
        shares=(),
        merged_into=None,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )


def edit(contact: Contact, changes: Mapping[str, Any], *, now: datetime) -> ContactEdited | None:
    """Set the named fields; None when all are as they were. Raises InvalidField when nothing would say who it is."""
    if all(getattr(contact, name) == value for name, value in changes.items()):
        return None
    edited = replace(contact, **changes, version=contact.version + 1, updated_at=now)
    if edited.owner_id != contact.owner_id:
        edited = replace(edited, shares=shares_beside(edited.owner_id, contact.shares))
    _require_named(edited)
    return ContactEdited(edited, before=contact, at=now)


def add_tag(contact: Contact, tag: str, *, now: datetime) -> ContactEdited | None:
    """Put a tag on; None when it is there. Raises InvalidField when the contact has as many as it may."""
    if tag in contact.tags:
        return None
    if len(contact.tags) >= MAX_TAGS:
        raise InvalidField.at("/tags", f"takes {MAX_TAGS} at most")
    return edit(contact, {"tags": (*contact.tags, tag)}, now=now)


def remove_tag(contact: Contact, tag: str, *, now: datetime) -> ContactEdited | None:
    """Take a tag off; None when it is not there."""
    return edit(contact, {"tags": tuple(kept for kept in contact.tags if kept != tag)}, now=now)


def delete(contact: Contact, *, now: datetime) -> ContactDeleted:
    """Hide the contact and free its e-mail address."""
    deleted = replace(contact, deleted_at=now, version=contact.version + 1, updated_at=now)
    return ContactDeleted(deleted, before=contact, at=now)


def restore(contact: Contact, *, now: datetime) -> ContactRestored | None:
    """Bring a deleted contact back as it was; None when it is there.

    Raises ContactNotFound for one that is gone for good (erased, or deleted RESTORABLE_FOR ago), MergedAway for one
    that lives on in another.
    """
    if contact.erased_at is not None:
        raise ContactNotFound
    if contact.merged_into is not None:
        raise MergedAway(contact.merged_into)
    if contact.deleted_at is None:
        return None
    if now - contact.deleted_at > RESTORABLE_FOR:
        raise ContactNotFound
    restored = replace(contact, deleted_at=None, version=contact.version + 1, updated_at=now)
    return ContactRestored(restored, before=contact, at=now)


def erase(contact: Contact, *, now: datetime) -> ContactErased | None:
    """Leave a deleted shell that says nothing of the person; None when that has been done.

    What the shell keeps: id, owner, when it was made, and into which contact it was merged, by which others have its
    deals follow.
    """
    if contact.erased_at is not None:
        return None
    shell = replace(
        contact,
        **NOTHING_PERSONAL,
        version=contact.version + 1,
        updated_at=now,
        deleted_at=contact.deleted_at or now,
        erased_at=now,
    )
    return ContactErased(shell, before=contact, at=now)


def shares_beside(owner_id: UUID, shares: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out the owner's own: who owns a contact needs no share of it, and would keep it after handing it on."""
    return [share for share in shares if str(share["user_id"]) != str(owner_id)]


def _require_named(contact: Contact) -> None:
    if all(getattr(contact, name) is None for name in NAMING_FIELDS):
        detail = f"one of {', '.join(NAMING_FIELDS)} is required"
        raise InvalidField(detail, errors=[FieldProblem(f"/{name}", detail) for name in NAMING_FIELDS])
