"""The caller of a request, as the directory knows them now. The token says only who."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from crm_shared.refusals import Forbidden


class Role(StrEnum):
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    REP = "REP"


class ManagerScope(StrEnum):
    DIRECT = "DIRECT"
    SUBTREE = "SUBTREE"


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

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    def require_admin(self, action: str) -> None:
        """Raise Forbidden unless the caller is ADMIN. `action` completes "Only an ADMIN may …"."""
        if not self.is_admin:
            raise Forbidden(f"Only an ADMIN may {action}.")

    def __repr__(self) -> str:
        return f"Caller(tenant_id={self.tenant_id}, user_id={self.user_id}, role={self.role})"
