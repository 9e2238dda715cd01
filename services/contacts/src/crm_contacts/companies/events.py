"""Where the company's classes meet their names on the wire."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from crm_contacts.companies.domain import (
    Company,
    CompanyCreated,
    CompanyDeleted,
    CompanyEdited,
    CompanyEvent,
    CompanyRestored,
)
from crm_shared.contracts import OutboxEvent, new_event
from crm_shared.contracts.changes import list_changes

STATE_FIELDS = tuple(field.name for field in fields(Company))
VERBS: dict[type[CompanyEvent], str] = {
    CompanyCreated: "created",
    CompanyEdited: "updated",
    CompanyDeleted: "deleted",
    CompanyRestored: "restored",
}


def to_state(company: Company) -> dict[str, Any]:
    """Give the whole state: what GET answers and what events carry."""
    return {name: getattr(company, name) for name in STATE_FIELDS}


def to_wire(event: CompanyEvent, *, tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    return new_event(
        aggregate="company",
        aggregate_id=event.company.id,
        verb=VERBS[type(event)],
        version=event.company.version,
        tenant_id=tenant_id,
        occurred_at=event.at,
        state=to_state(event.company),
        changed=None if isinstance(event, CompanyCreated) else list_changes(event.before, event.company, STATE_FIELDS),
        actor_id=actor_id,
    )


def snapshot(company: Company, *, tenant_id: UUID) -> OutboxEvent:
    """Repeat the present state, for a projection that starts from nothing."""
    return new_event(
        aggregate="company",
        aggregate_id=company.id,
        verb="snapshot",
        version=company.version,
        tenant_id=tenant_id,
        occurred_at=company.updated_at,
        state=to_state(company),
        changed=None,
        actor_id=None,
    )
