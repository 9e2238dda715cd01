"""Use cases of the directory: load, decide, save, publish; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_contacts.directory import domain, events, repository
from crm_contacts.directory.domain import ORG_FIELDS, NewUser
from crm_contacts.emails import DuplicateEmail
from crm_shared.access import Caller, Permission, Role
from crm_shared.access.directory import refresh_visible_owners
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import Actor
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import require_version

DEFAULT_REGION = "US"


@dataclass(frozen=True, slots=True)
class CreateTenant:
    """Make a customer with a first ADMIN. Nobody of the tenant can call yet, so there is no caller."""

    tenant_id: UUID
    name: str
    base_currency: str
    time_zone: str
    admin_email: str
    admin_name: str


@dataclass(frozen=True, slots=True)
class EditTenant:
    """`changes`: the fields that the request named."""

    caller: Caller
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class CreateUser:
    caller: Caller
    new: NewUser


@dataclass(frozen=True, slots=True)
class EditUser:
    """`changes`: the fields that the request named, None included."""

    caller: Caller
    user_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


async def create_tenant(command: CreateTenant, unit_of_work: UnitOfWork, clock: Clock) -> UUID:
    """Create a tenant and its first ADMIN, give the ADMIN's id."""
    now = clock.now()
    created = domain.create_tenant(
        tenant_id=command.tenant_id,
        name=command.name,
        base_currency=command.base_currency,
        time_zone=command.time_zone,
        default_region=DEFAULT_REGION,
        now=now,
    )
    new = NewUser(command.admin_email, command.admin_name, Role.ADMIN, manager_id=None, active=True, time_zone=None)
    admin = domain.create_user(new_id(), new, superiors=(), now=now)
    async with unit_of_work.begin(command) as transaction:
        await repository.insert_tenant(transaction, created.tenant)
        await repository.insert_user(transaction, command.tenant_id, admin.user)
        system = Actor(command.tenant_id)
        await publish(transaction, events.TENANT_MAPPING.to_wire([created], by=system), audited=False)
        await publish(transaction, events.USER_MAPPING.to_wire([admin], by=system), audited=False)
    return admin.user.id


async def edit_tenant(command: EditTenant, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields of the caller's tenant. Raises Forbidden, StaleVersion."""
    caller = command.caller
    caller.require(Permission.CHANGE_TENANT)
    async with unit_of_work.begin(caller) as transaction:
        tenant = await repository.lock_tenant(transaction, caller.tenant_id)
        require_version(tenant.version, command.expected_version)
        edited = domain.edit_tenant(tenant, command.changes, now=clock.now())
        if edited is None:
            return events.tenant_to_state(tenant)
        await repository.save_tenant(transaction, edited.tenant)
        if edited.tenant.manager_scope != tenant.manager_scope:
            await refresh_visible_owners(transaction, [caller.tenant_id])
        await publish(transaction, events.TENANT_MAPPING.to_wire([edited], by=caller), audited=False)
    return events.tenant_to_state(edited.tenant)


async def create_user(command: CreateUser, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create one user, give their state. Raises Forbidden, DuplicateEmail, UnknownReference."""
    caller, new = command.caller, command.new
    caller.require(Permission.WRITE_USERS)
    user_id = new_id()
    async with unit_of_work.begin(caller) as transaction:
        await repository.lock_tenant(transaction, caller.tenant_id)
        await _require_free(transaction, caller, new.email, user_id)
        superiors = await repository.find_superiors(transaction, caller.tenant_id, new.manager_id)
        created = domain.create_user(user_id, new, superiors=superiors, now=clock.now())
        await repository.insert_user(transaction, caller.tenant_id, created.user)
        await refresh_visible_owners(transaction, [caller.tenant_id])
        await publish(transaction, events.USER_MAPPING.to_wire([created], by=caller), audited=False)
    return events.user_to_state(created.user)


async def edit_user(command: EditUser, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields of one user.

    Raises Forbidden, UserNotFound, StaleVersion, DuplicateEmail, UnknownReference, ManagerCycle, InvalidField,
    LastAdmin.
    """
    caller, changes = command.caller, command.changes
    caller.require(Permission.WRITE_USERS)
    async with unit_of_work.begin(caller) as transaction:
        await repository.lock_tenant(transaction, caller.tenant_id)
        user = await repository.load_user(transaction, caller.tenant_id, command.user_id)
        require_version(user.version, command.expected_version)
        if "email" in changes:
            await _require_free(transaction, caller, changes["email"], user.id)
        event = domain.edit_user(
            user,
            changes,
            superiors=await repository.find_superiors(transaction, caller.tenant_id, changes.get("manager_id")),
            successor=await repository.find_colleague(transaction, caller.tenant_id, changes.get("successor_id")),
            other_admins=await repository.count_other_admins(transaction, caller.tenant_id, user.id),
            now=clock.now(),
        )
        if event is None:
            return events.user_to_state(user)
        await repository.save_user(transaction, caller.tenant_id, event.user, actor_id=caller.user_id)
        if not ORG_FIELDS.isdisjoint(changes):
            await refresh_visible_owners(transaction, [caller.tenant_id])
        await publish(transaction, events.USER_MAPPING.to_wire([event], by=caller), audited=False)
    return events.user_to_state(event.user)


async def _require_free(transaction: Transaction, caller: Caller, email: str, user_id: UUID) -> None:
    # The tenant's lock is held, so nobody can take the address between this look and the write.
    holder_id = await repository.find_user_with_email(transaction, caller.tenant_id, email, beside=user_id)
    if holder_id is not None:
        raise DuplicateEmail(holder_id)
