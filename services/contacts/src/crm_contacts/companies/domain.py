"""Companies: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_shared.record_fields import FieldReader, Versioned, field_values
from crm_shared.refusals import NotFound, ValueTaken
from crm_shared.retention import RESTORABLE_FOR


class CompanyNotFound(NotFound):
    """Absent, or out of the caller's sight."""

    def __init__(self) -> None:
        super().__init__("There is no such company.")


class DuplicateDomain(ValueTaken):
    """Another company has the domain already."""

    slug, title, value = "duplicate-domain", "The domain is taken", "domain"


@dataclass(frozen=True, kw_only=True)
class NewCompany:
    """What a caller says of a company to be: the owner is checked.

    `domain` is in its one form; `size` is a number of employees or a range of it, as given.
    """

    name: str
    domain: str | None = None
    industry: str | None = None
    size: str | None = None
    website: str | None = None
    owner_id: UUID
    tags: tuple[str, ...] = ()
    custom_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company(NewCompany, Versioned):
    """An organisation: all that was said of it, and what the service keeps beside it."""

    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


FIELDS: Final = FieldReader(Company)


@dataclass(frozen=True, slots=True)
class CompanyCreated:
    company: Company
    at: datetime


@dataclass(frozen=True, slots=True)
class CompanyEdited:
    company: Company
    before: Company
    at: datetime


@dataclass(frozen=True, slots=True)
class CompanyDeleted:
    company: Company
    before: Company
    at: datetime


@dataclass(frozen=True, slots=True)
class CompanyRestored:
    company: Company
    before: Company
    at: datetime


CompanyEvent = CompanyCreated | CompanyEdited | CompanyDeleted | CompanyRestored


def create(company_id: UUID, new: NewCompany, *, now: datetime) -> CompanyCreated:
    company = Company(**field_values(new), id=company_id, version=1, created_at=now, updated_at=now, deleted_at=None)
    return CompanyCreated(company, at=now)


def edit(company: Company, changes: Mapping[str, Any], *, now: datetime) -> CompanyEdited | None:
    """Set the named fields. None when all are as they were."""
    if all(getattr(company, name) == value for name, value in changes.items()):
        return None
    edited = replace(company, **changes, version=company.version + 1, updated_at=now)
    return CompanyEdited(edited, before=company, at=now)


def delete(company: Company, *, now: datetime) -> CompanyDeleted:
    """Hide the company and free its domain. Its contacts stay, and keep saying where they work."""
    deleted = replace(company, deleted_at=now, version=company.version + 1, updated_at=now)
    return CompanyDeleted(deleted, before=company, at=now)


def restore(company: Company, *, now: datetime) -> CompanyRestored | None:
    """Bring a deleted company back as it was; None when it is there.

    Raises CompanyNotFound for one that was deleted RESTORABLE_FOR ago: it is gone for good.
    """
    if company.deleted_at is None:
        return None
    if now - company.deleted_at > RESTORABLE_FOR:
        raise CompanyNotFound
    restored = replace(company, deleted_at=None, version=company.version + 1, updated_at=now)
    return CompanyRestored(restored, before=company, at=now)
