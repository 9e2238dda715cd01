"""Where the directory's classes meet their names on the wire."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.directory.domain import (
    Tenant,
    TenantCreated,
    TenantEdited,
    TenantEvent,
    User,
    UserCreated,
    UserDeactivated,
    UserEdited,
    UserEvent,
)
from crm_shared.contracts import Change, OutboxEvent, new_event
from crm_shared.contracts.changes import list_changes

TENANT_FIELDS = tuple(field.name for field in fields(Tenant))
USER_FIELDS = tuple(field.name for field in fields(User))
VERBS: dict[type[TenantEvent | UserEvent], str] = {
    TenantCreated: "created",
    TenantEdited: "updated",
    UserCreated: "created",
    UserEdited: "updated",
    UserDeactivated: "deactivated",
}


def tenant_to_state(tenant: Tenant) -> dict[str, Any]:
    """Give the whole state: what GET answers and what events carry."""
    return {name: getattr(tenant, name) for name in TENANT_FIELDS}


def user_to_state(user: User) -> dict[str, Any]:
    """Give the whole state: what GET answers and what events carry."""
    return {name: getattr(user, name) for name in USER_FIELDS}


def tenant_to_wire(event: TenantEvent, *, actor_id: UUID | None) -> OutboxEvent:
    changed = None if isinstance(event, TenantCreated) else list_changes(event.before, event.tenant, TENANT_FIELDS)
    return _tenant_event(event.tenant, VERBS[type(event)], event.at, changed, actor_id)


def user_to_wire(event: UserEvent, *, tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    return new_event(
        aggregate="user",
        aggregate_id=event.user.id,
        verb=VERBS[type(event)],
        version=event.user.version,
        tenant_id=tenant_id,
        occurred_at=event.at,
        state=user_to_state(event.user),
        changed=None if isinstance(event, UserCreated) else list_changes(event.before, event.user, USER_FIELDS),
        actor_id=actor_id,
    )


def tenant_snapshot(tenant: Tenant) -> OutboxEvent:
    """Repeat the present state, for a projection that starts from nothing."""
    return _tenant_event(tenant, "snapshot", tenant.updated_at, None, None)


def user_snapshot(user: User, *, tenant_id: UUID) -> OutboxEvent:
    """Repeat the present state, for a projection that starts from nothing."""
    return new_event(
        aggregate="user",
        aggregate_id=user.id,
        verb="snapshot",
        version=user.version,
        tenant_id=tenant_id,
        occurred_at=user.updated_at,
        state=user_to_state(user),
        changed=None,
        actor_id=None,
    )


def _tenant_event(
    tenant: Tenant, verb: str, at: datetime, changed: dict[str, Change] | None, actor_id: UUID | None
) -> OutboxEvent:
    return new_event(
        aggregate="tenant",
        aggregate_id=tenant.id,
        verb=verb,
        version=tenant.version,
        tenant_id=tenant.id,
        occurred_at=at,
        state=tenant_to_state(tenant),
        changed=changed,
        actor_id=actor_id,
    )
