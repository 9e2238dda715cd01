"""Where the contact's classes meet their names on the wire."""

from typing import Any, Final

from crm_contacts.contacts.domain import (
    FIELDS,
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

STATE_FIELDS: Final = FIELDS.names


def to_state(contact: Contact) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return FIELDS.read(contact)


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
