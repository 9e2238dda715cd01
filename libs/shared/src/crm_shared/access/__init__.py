"""Who calls, what they may do, and what they may see."""

from crm_shared.access.caller import Caller
from crm_shared.access.permissions import Permission
from crm_shared.contracts.roles import Role

__all__ = ["Caller", "Permission", "Role"]
