"""Sharing a contact: the rules. No I/O; shares are part of the contact, and each change of them is an event of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_contacts.contacts.domain import Contact, ContactShared, ContactUnshared
from crm_shared.contracts.states import SharePermission
from crm_shared.refusals import InvalidField, NotFound

MAX_SHARES: Final = 200
"""Every event of the contact carries them all; more colleagues than this are a team, whom a manager sees for."""

Shares = Sequence[Mapping[str, Any]]


class ShareNotFound(NotFound):
    """The contact is in sight, but not shared with this user."""

    def __init__(self) -> None:
        super().__init__("The contact is not shared with this user.")


def find_share(shares: Shares, user_id: UUID) -> Mapping[str, Any] | None:
    """Return the share of a user. As loaded, its values are text; as made by `share`, they have their types."""
    return next((share for share in shares if str(share["user_id"]) == str(user_id)), None)


def share(
    contact: Contact, user_id: UUID, permission: SharePermission, *, by: UUID, now: datetime
) -> ContactShared | None:
    """Let a user read or write the contact; None when they may already. A permission that changes keeps its date.

    Raises InvalidField when the user owns the contact or is the one who shares, or for one share too many.
    """
    if user_id == contact.owner_id:
        raise InvalidField.at("/user_id", "owns the contact, and needs no share of it")
    if user_id == by:
        raise InvalidField.at("/user_id", "is yourself: you see the contact without a share")
    present = find_share(contact.shares, user_id)
    if present is None:
        if len(contact.shares) >= MAX_SHARES:
            raise InvalidField.at("/user_id", f"a contact takes {MAX_SHARES} shares at most")
        added = {"user_id": user_id, "permission": permission, "created_at": now, "created_by": by}
        shares = [*contact.shares, added]
    elif present["permission"] == permission:
        return None
    else:
        shares = [{**kept, "permission": permission} if kept is present else kept for kept in contact.shares]
    shared = replace(contact, shares=shares, version=contact.version + 1, updated_at=now)
    return ContactShared(shared, before=contact, at=now)


def unshare(contact: Contact, user_id: UUID, *, now: datetime) -> ContactUnshared:
    """Take a user's share away. Raises ShareNotFound."""
    gone = find_share(contact.shares, user_id)
    if gone is None:
        raise ShareNotFound
    shares = [kept for kept in contact.shares if kept is not gone]
    unshared = replace(contact, shares=shares, version=contact.version + 1, updated_at=now)
    return ContactUnshared(unshared, before=contact, at=now)
