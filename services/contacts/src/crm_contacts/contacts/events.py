"""Where the contact's classes meet their names on the wire."""

from dataclasses import fields
from typing import Any, Final

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
from crm_shared.contracts import Change, EventMapping
from crm_shared.contracts.changes import conceal

STATE_FIELDS = tuple(field.name for field in fields(Contact))


def to_state(contact: Contact) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return {name: getattr(contact, name) for name in STATE_FIELDS}


def _revise(event: ContactEvent, changed: dict[str, Change]) -> dict[str, Change]:
    return conceal(changed) if isinstance(event, ContactErased) else changed


MAPPING: Final[EventMapping[Contact, ContactEvent]] = EventMapping(
    "contact",
    to_state,
    {
        ContactCreated: "created",
        ContactEdited: "updated",
        ContactDeleted: "deleted",
        ContactRestored: "restored",
        ContactShared: "shared",
        ContactUnshared: "unshared",
        ContactMerged: "merged",
        ContactUnmerged: "unmerged",
        ContactErased: "erased",
    },
    _revise,
)
