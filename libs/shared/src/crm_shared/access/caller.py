"""The caller of a request, as the directory knows them now. The token says only who."""

from dataclasses import dataclass
from uuid import UUID

from crm_shared.permissions import Permission, Role, is_permitted, list_roles
from crm_shared.refusals import Forbidden


@dataclass(frozen=True, slots=True)
class Caller:
    """`token` is the bearer token itself, to ask another service in the caller's name; never logged.

    `has_shares`: a contact is shared with them. Without any, statements leave shares out.
    """

    tenant_id: UUID
    user_id: UUID
    role: Role
    base_currency: str
    time_zone: str
    token: str = ""
    has_shares: bool = False

    def can(self, permission: Permission) -> bool:
        return is_permitted(self.role, permission)

    def require(self, permission: Permission, action: str | None = None) -> None:
        """Raise Forbidden unless they can. `action` completes "Only an ADMIN may …", None as the permission does."""
        if not self.can(permission):
            roles = " or ".join(list_roles(permission))
            raise Forbidden(f"Only an {roles} may {action or permission}.")

    def __repr__(self) -> str:
        return f"Caller(tenant_id={self.tenant_id}, user_id={self.user_id}, role={self.role})"
