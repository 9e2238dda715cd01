"""Where the directory's classes meet their names on the wire."""

from dataclasses import fields
from typing import Any, Final

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
from crm_shared.contracts import EventMapping

TENANT_FIELDS = tuple(field.name for field in fields(Tenant))
USER_FIELDS = tuple(field.name for field in fields(User))


def tenant_to_state(tenant: Tenant) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return {name: getattr(tenant, name) for name in TENANT_FIELDS}


def user_to_state(user: User) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return {name: getattr(user, name) for name in USER_FIELDS}


TENANT_MAPPING: Final[EventMapping[Tenant, TenantEvent]] = EventMapping(
    "tenant", tenant_to_state, {TenantCreated: "created", TenantEdited: "updated"}
)
USER_MAPPING: Final[EventMapping[User, UserEvent]] = EventMapping(
    "user", user_to_state, {UserCreated: "created", UserEdited: "updated", UserDeactivated: "deactivated"}
)
