"""Where the contact's classes meet their names on the wire."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from crm_contacts.contacts.domain import (
    Contact,
    ContactCreated,
    ContactDeleted,
    ContactEdited,
    ContactErased,
    ContactEvent,
    ContactMerged,
    ContactRestored,
    ContactShared,
    ContactUnmerged,
    ContactUnshared,
)
from crm_shared.contracts import Change, OutboxEvent, new_event
from crm_shared.contracts.changes import list_changes, list_erasure

STATE_FIELDS = tuple(field.name for field in fields(Contact))
VERBS: dict[type[ContactEvent], str] = {
    ContactCreated: "created",
    ContactEdited: "updated",
    ContactDeleted: "deleted",
    ContactRestored: "restored",
    ContactShared: "shared",
    ContactUnshared: "unshared",
    ContactMerged: "merged",
    ContactUnmerged: "unmerged",
    ContactErased: "erased",
}


def to_state(contact: Contact) -> dict[str, Any]:
    """Give the whole state: what GET answers and what events carry."""
    return {name: getattr(contact, name) for name in STATE_FIELDS}


def to_wire(event: ContactEvent, *, tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    return new_event(
        aggregate="contact",
        aggregate_id=event.contact.id,
        verb=VERBS[type(event)],
        version=event.contact.version,
        tenant_id=tenant_id,
        occurred_at=event.at,
        state=to_state(event.contact),
        changed=_list_changes(event),
        actor_id=actor_id,
    )


def _list_changes(event: ContactEvent) -> dict[str, Change] | None:
    match event:
        case ContactCreated():
            return None
        case ContactErased():
            return list_erasure(event.before, event.contact, STATE_FIELDS)
        case _:
            return list_changes(event.before, event.contact, STATE_FIELDS)


def snapshot(contact: Contact, *, tenant_id: UUID) -> OutboxEvent:
    """Repeat the present state, for a projection that starts from nothing."""
    return new_event(
        aggregate="contact",
        aggregate_id=contact.id,
        verb="snapshot",
        version=contact.version,
        tenant_id=tenant_id,
        occurred_at=contact.updated_at,
        state=to_state(contact),
        changed=None,
        actor_id=None,
    )
