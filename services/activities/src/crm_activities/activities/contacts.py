"""The contacts of an activity: those that it was given, in their order, each where it lives on now. No I/O.

A merge moves a reference to the survivor and the undo gives it back, by this one rule: the contacts that an activity
was given never change by it, and those that it has are where these live.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_activities.activities.activity import Activity
from crm_shared.refusals import InvalidField, UnknownReference

CONTACT_FIELDS = ("contact_id", "contact_ids", "original_contact_id", "original_contact_ids")

MOST_CONTACTS: Final = 50
"""As many as an activity may be given, `contact_id` counted."""


def name_contacts(first: UUID | None, others: Iterable[UUID]) -> tuple[UUID, ...]:
    """Return each once, `first` first."""
    return tuple(dict.fromkeys((*(() if first is None else (first,)), *others)))


def list_pointers(first: UUID | None, others: Iterable[UUID]) -> dict[UUID, str]:
    """Return where a request names each contact, as errors point at it."""
    pointers = {} if first is None else {first: "/contact_id"}
    for index, contact_id in enumerate(others):
        pointers.setdefault(contact_id, f"/contact_ids/{index}")
    return pointers


def list_given(activity: Activity) -> tuple[UUID, ...]:
    """Return the contacts that the activity was given, wherever they live on."""
    return activity.original_contact_ids or activity.contact_ids


def place(given: Sequence[UUID], homes: Mapping[UUID, UUID]) -> dict[str, Any]:
    """Return the fields of an activity that was given these contacts. `homes`: where each lives on."""
    contact_ids = tuple(dict.fromkeys(homes[contact_id] for contact_id in given))
    has_moved = contact_ids != tuple(given)
    return {
        "contact_id": contact_ids[0] if contact_ids else None,
        "contact_ids": contact_ids,
        "original_contact_id": given[0] if has_moved and given[0] != contact_ids[0] else None,
        "original_contact_ids": tuple(given) if has_moved else (),
    }


def require_few(contact_ids: Collection[UUID]) -> None:
    """Raise InvalidField for more than an activity may be given."""
    if len(contact_ids) > MOST_CONTACTS:
        raise InvalidField.at("/contact_ids", f"are {len(contact_ids)} with contact_id; at most {MOST_CONTACTS}")


def list_named(
    changes: Mapping[str, Any], activity: Activity, *, brought: UUID | None = None
) -> tuple[UUID, ...] | None:
    """Return the contacts that a change asks for, None if it names none.

    `contact_id` alone puts another in the first one's place, and null leaves none. One that a deal brought takes the
    place of a single one, and of several is put first: nobody is left out whom the request does not name.
    """
    if brought is not None:
        return name_contacts(brought, activity.contact_ids if len(activity.contact_ids) > 1 else ())
    if "contact_ids" in changes:
        return name_contacts(changes.get("contact_id"), changes["contact_ids"] or ())
    if "contact_id" not in changes:
        return None
    first = changes["contact_id"]
    return () if first is None else name_contacts(first, activity.contact_ids[1:])


def require_home(contact_id: UUID, homes: Mapping[UUID, UUID], pointers: Mapping[UUID, str]) -> None:
    """Raise UnknownReference for a contact that was merged into another."""
    if homes[contact_id] != contact_id:
        raise UnknownReference.at(pointers.get(contact_id, "/contact_id"), "was merged into another contact")


def change_contacts(
    activity: Activity,
    named: Sequence[UUID],
    homes: Mapping[UUID, UUID],
    pointers: Mapping[UUID, str],
    *,
    brought: UUID | None = None,
) -> dict[str, Any]:
    """Return the fields that change when the activity is to have the contacts `named`; none if it has them.

    To name one that the activity was given, and that lives on in another, is to name that other. `brought` came with a
    deal, which is about to follow it. Raises UnknownReference for another contact that was merged, and InvalidField for
    too many.
    """
    given = list_given(activity)
    known = {*given, *activity.contact_ids, brought}
    sources: dict[UUID, UUID] = {}
    for contact_id in named:
        if contact_id not in known:
            require_home(contact_id, homes, pointers)
        sources.setdefault(homes[contact_id], contact_id)
    if list(sources) == list(dict.fromkeys(homes[contact_id] for contact_id in activity.contact_ids)):
        return {}  # a merge that the activity has yet to follow is no change of this one's
    require_few(sources)
    kept = {home: [one for one in given if homes[one] == home] for home in sources}
    return place([one for home, source in sources.items() for one in kept[home] or [source]], homes)
