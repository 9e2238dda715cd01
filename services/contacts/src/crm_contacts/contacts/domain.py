"""Contacts: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.tags import MAX_TAGS
from crm_shared.contracts.states import ContactSource
from crm_shared.refusals import FieldProblem, InvalidField, NotFound

NAMING_FIELDS = ("first_name", "last_name", "email", "phone")
"""A contact has one of them at least: without any, nobody could tell who it is."""


class ContactNotFound(NotFound):
    """Absent, or out of the caller's sight."""

    def __init__(self) -> None:
        super().__init__("There is no such contact.")


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. `phone` is as given, `phone_e164` its one form where it has one; `tags` each once, in order."""

    id: UUID
    version: int
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    phone_e164: str | None
    company_id: UUID | None
    job_title: str | None
    source: ContactSource | None
    owner_id: UUID
    tags: tuple[str, ...]
    custom_data: Mapping[str, Any]
    external_id: str | None
    shares: Sequence[Mapping[str, Any]]
    merged_into: UUID | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


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


ContactEvent = ContactCreated | ContactEdited | ContactDeleted


@dataclass(frozen=True, slots=True)
class NewContact:
    """What a caller says of a contact to be: references are checked, the phone has its E.164 form beside it."""

    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    phone_e164: str | None
    company_id: UUID | None
    job_title: str | None
    source: ContactSource | None
    owner_id: UUID
    tags: tuple[str, ...]
    external_id: str | None


def create(contact_id: UUID, new: NewContact, *, now: datetime) -> ContactCreated:
    """Make a contact. Raises InvalidField when nothing says who it is."""
    contact = Contact(
        id=contact_id,
        version=1,
        first_name=new.first_name,
        last_name=new.last_name,
        email=new.email,
        phone=new.phone,
        phone_e164=new.phone_e164,
        company_id=new.company_id,
        job_title=new.job_title,
        source=new.source,
        owner_id=new.owner_id,
        tags=new.tags,
        custom_data={},
        external_id=new.external_id,
        shares=(),
        merged_into=None,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
    _require_named(contact)
    return ContactCreated(contact, at=now)


def edit(contact: Contact, changes: Mapping[str, Any], *, now: datetime) -> ContactEdited | None:
    """Set the named fields; None when all are as they were. Raises InvalidField when nothing would say who it is."""
    if all(getattr(contact, name) == value for name, value in changes.items()):
        return None
    edited = replace(contact, **changes, version=contact.version + 1, updated_at=now)
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


def _require_named(contact: Contact) -> None:
    if all(getattr(contact, name) is None for name in NAMING_FIELDS):
        detail = f"one of {', '.join(NAMING_FIELDS)} is required"
        raise InvalidField(detail, errors=[FieldProblem(f"/{name}", detail) for name in NAMING_FIELDS])
