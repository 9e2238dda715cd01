"""Who calls, what they may do, and what they may see."""

from crm_shared.access.caller import Caller
from crm_shared.permissions import Permission, Role

__all__ = ["Caller", "Permission", "Role"]
