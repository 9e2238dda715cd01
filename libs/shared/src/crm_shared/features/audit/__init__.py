"""The audit trail: who changed what of a record and when, written with the change itself."""

from crm_shared.features.audit.schema import AUDIT_DDL

__all__ = ["AUDIT_DDL"]
