"""Companies as the suite's own work on many records sees them."""

from typing import Final
from uuid import UUID

from crm_contacts.companies import events
from crm_contacts.companies.domain import Company, CompanyEdited
from crm_contacts.companies.repository import COMPANY_COLUMNS, to_company
from crm_shared.contracts import OutboxEvent
from crm_shared.record_kinds import Edit, RecordKind


def _to_event(edit: Edit[Company], tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    edited = CompanyEdited(edit.record, before=edit.before, at=edit.at)
    return events.to_wire(edited, tenant_id=tenant_id, actor_id=actor_id)


COMPANIES: Final = RecordKind("company", "companies", "c", COMPANY_COLUMNS, to_company, _to_event)
