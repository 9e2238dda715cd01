"""Who calls, what they may do, and what they may see."""

from crm_shared.access.caller import Caller, Role

__all__ = ["Caller", "Role"]
