"""Roles and what each may do: one table. Everything else asks `caller.can(Permission.X)` and never for a role.

A new role is a member of Role and a row here, and in every service a migration that widens the CHECK on
`directory_users.role`; the published list of roles is a decision of its own (CONTRIBUTING: Add a role).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    REP = "REP"


class Permission(StrEnum):
    """The value completes "Only an ADMIN may …".

    Whoever has neither SEE_ALL nor SEE_TEAM sees their own records, and as everybody what is shared with them.
    """

    SEE_ALL = "see everybody's records"
    SEE_TEAM = "see the records of who reports to them"
    SEE_ALL_IMPORTS = "see others' imports"
    WRITE = "write"
    BACKDATE = "say when something happened"
    CHANGE_TENANT = "change the tenant"
    WRITE_USERS = "write users"
    WRITE_PIPELINES = "write pipelines"
    WRITE_CUSTOM_FIELDS = "write custom fields"
    WRITE_EXCHANGE_RATES = "write exchange rates"
    WRITE_QUOTAS = "write quotas"
    USE_WEBHOOKS = "use webhooks"
    ERASE_CONTACTS = "erase contacts"


# SEE_TEAM is what `visible_owners` is kept for. SEE_ALL holds it, so no role has both.
ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMIN: frozenset(Permission) - {Permission.SEE_TEAM},
    Role.MANAGER: frozenset({Permission.SEE_TEAM, Permission.WRITE}),
    Role.REP: frozenset({Permission.WRITE}),
}


def is_permitted(role: Role, permission: Permission) -> bool:
    return permission in ROLE_PERMISSIONS[role]


def covers(role: Role, other: Role) -> bool:
    """Return whether `role` may whatever `other` may; who sees all sees a team's records too."""
    held = ROLE_PERMISSIONS[role]
    seen = held | {Permission.SEE_TEAM} if Permission.SEE_ALL in held else held
    return ROLE_PERMISSIONS[other] <= seen


def list_roles(permission: Permission) -> list[Role]:
    """Return the roles that have it: for statements that look at users, and to tell who may."""
    return [role for role in Role if is_permitted(role, permission)]
