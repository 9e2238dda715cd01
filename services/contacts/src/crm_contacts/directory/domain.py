"""Tenants and users: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_shared.contracts.states import ManagerScope
from crm_shared.permissions import Permission, Role, is_permitted
from crm_shared.refusals import Conflict, InvalidField, NotFound, UnknownReference


class UserNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such user.")


class ManagerCycle(InvalidField):
    slug, title = "manager-cycle", "Nobody may be their own manager, at any distance"


class LastAdmin(Conflict):
    """Without a user who may write users a tenant could never have one again."""

    slug, title = "last-admin", "A tenant needs an active ADMIN"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer whose data stands alone. `default_region`: the country of phone numbers that name none."""

    id: UUID
    version: int
    name: str
    base_currency: str
    time_zone: str
    manager_scope: ManagerScope
    auto_merge: bool
    default_region: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in. `time_zone` None is the tenant's; a user who leaves is deactivated, never deleted.

    `successor_id` takes over the records of a user who left; it goes when they come back.
    """

    id: UUID
    version: int
    email: str
    full_name: str
    role: Role
    manager_id: UUID | None
    active: bool
    time_zone: str | None
    successor_id: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_active_admin(self) -> bool:
        return self.active and is_permitted(self.role, Permission.WRITE_USERS)


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is said of a user to be."""

    email: str
    full_name: str
    role: Role
    manager_id: UUID | None
    active: bool
    time_zone: str | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another user whom a change names, or a superior of theirs."""

    id: UUID
    active: bool


@dataclass(frozen=True, slots=True)
class TenantCreated:
    tenant: Tenant
    at: datetime


@dataclass(frozen=True, slots=True)
class TenantEdited:
    tenant: Tenant
    before: Tenant
    at: datetime


@dataclass(frozen=True, slots=True)
class UserCreated:
    user: User
    at: datetime


@dataclass(frozen=True, slots=True)
class UserEdited:
    """Any change, but for the end of somebody's time here."""

    user: User
    before: User
    at: datetime


@dataclass(frozen=True, slots=True)
class UserDeactivated:
    user: User
    before: User
    at: datetime


TenantEvent = TenantCreated | TenantEdited
UserEvent = UserCreated | UserEdited | UserDeactivated

ORG_FIELDS = frozenset({"role", "manager_id", "active"})
"""What decides who sees whose records."""


def create_tenant(
    *, tenant_id: UUID, name: str, base_currency: str, time_zone: str, default_region: str, now: datetime
) -> TenantCreated:
    tenant = Tenant(
        id=tenant_id,
        version=1,
        name=name,
        base_currency=base_currency,
        time_zone=time_zone,
        manager_scope="DIRECT",
        auto_merge=True,
        default_region=default_region,
        created_at=now,
        updated_at=now,
    )
    return TenantCreated(tenant, at=now)


def edit_tenant(tenant: Tenant, changes: Mapping[str, Any], *, now: datetime) -> TenantEdited | None:
    """Set the named fields. None when all are as they were."""
    if all(getattr(tenant, name) == value for name, value in changes.items()):
        return None
    edited = replace(tenant, **changes, version=tenant.version + 1, updated_at=now)
    return TenantEdited(edited, before=tenant, at=now)


def create_user(user_id: UUID, new: NewUser, *, superiors: Collection[Colleague], now: datetime) -> UserCreated:
    """Make a user. `superiors`: the manager and all above. Raises UnknownReference for a manager not among them."""
    if new.manager_id is not None:
        _require_manager(new.manager_id, superiors)
    user = User(
        id=user_id,
        version=1,
        email=new.email,
        full_name=new.full_name,
        role=new.role,
        manager_id=new.manager_id,
        active=new.active,
        time_zone=new.time_zone,
        successor_id=None,
        created_at=now,
        updated_at=now,
    )
    return UserCreated(user, at=now)


def edit_user(
    user: User,
    changes: Mapping[str, Any],
    *,
    superiors: Collection[Colleague],
    successor: Colleague | None,
    other_admins: int,
    now: datetime,
) -> UserEdited | UserDeactivated | None:
    """Set the named fields; None when all are as they were. Who comes back has no successor any more.

    `superiors`: the manager named in `changes` and all above, `successor`: the one named there, if they exist,
    `other_admins`: active ADMINs beside this user. Raises UnknownReference, ManagerCycle, InvalidField, LastAdmin.
    """
    if changes.get("active") and user.successor_id is not None:
        changes = {"successor_id": None, **changes}
    effective = {name: value for name, value in changes.items() if getattr(user, name) != value}
    if not effective:
        return None
    if effective.get("manager_id") is not None:
        _require_manager(effective["manager_id"], superiors)
        if user.id in {superior.id for superior in superiors}:
            raise ManagerCycle.at("/manager_id", "reports to this user, or is this user")
    edited = replace(user, **effective, version=user.version + 1, updated_at=now)
    if effective.get("successor_id") is not None:
        _require_successor(edited, successor)
    if user.is_active_admin and not edited.is_active_admin and other_admins == 0:
        raise LastAdmin("Make somebody else ADMIN first.")
    if user.active and not edited.active:
        return UserDeactivated(edited, before=user, at=now)
    return UserEdited(edited, before=user, at=now)


def _require_manager(manager_id: UUID, superiors: Collection[Colleague]) -> None:
    if not any(superior.id == manager_id and superior.active for superior in superiors):
        raise UnknownReference.at("/manager_id", "there is no such active user")


def _require_successor(user: User, successor: Colleague | None) -> None:
    """Hold the successor against the user as they will be."""
    if user.active:
        raise InvalidField.at("/successor_id", "belongs to a user who is deactivated")
    if user.successor_id == user.id:
        raise InvalidField.at("/successor_id", "is the user themselves")
    if successor is None or not successor.active:
        raise UnknownReference.at("/successor_id", "there is no such active user")
