"""The audit trail: who changed what of a record and when, written with the change itself."""

from crm_shared.audit.schema import AUDIT_DDL
from crm_shared.audit.telling import tell

__all__ = ["AUDIT_DDL", "tell"]
