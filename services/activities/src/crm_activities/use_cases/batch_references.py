"""What the items of a batch refer to: looked up together, held against each item alone. No I/O."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_activities.activities import contacts
from crm_activities.activities.activity import Activity, NewActivity
from crm_activities.use_cases.editing import Change
from crm_shared.access import Caller
from crm_shared.features.replicas.references import Found, Reference, refuse_read_only
from crm_shared.refusals import FieldProblem, Unavailable, UnknownReference

Named = dict[str, tuple[str, UUID]]
"""pointer -> (aggregate, id)"""


def list_references(items: Iterable[Mapping[str, Any] | NewActivity]) -> list[Reference]:
    """Return all that the items name; an id that many name stands there once."""
    named = {key: pointer for item in items for pointer, key in _name_all(item).items()}
    return [Reference(pointer, aggregate, record_id) for (aggregate, record_id), pointer in named.items()]


def _name_all(item: Mapping[str, Any] | NewActivity) -> Named:
    """Return what is named by an activity to be, or by the fields of a change."""
    if isinstance(item, NewActivity):
        return _name(contacts.list_pointers(item.contact_id, item.contact_ids), item.deal_id, item.user_id)
    pointers = contacts.list_pointers(item.get("contact_id"), item.get("contact_ids") or ())
    return _name(pointers, item.get("deal_id"), item.get("user_id"))


def _name(contact_pointers: Mapping[UUID, str], deal_id: UUID | None, user_id: UUID | None) -> Named:
    named: Named = {pointer: ("contact", contact_id) for contact_id, pointer in contact_pointers.items()}
    if deal_id is not None:
        named["/deal_id"] = ("deal", deal_id)
    if user_id is not None:
        named["/user_id"] = ("user", user_id)
    return named


class ItemReferences:
    """`read_only`: what the caller sees through a share to read alone."""

    def __init__(self, caller: Caller, found: Found, read_only: Collection[tuple[str, UUID]]) -> None:
        self._caller = caller
        self._found = found
        self._read_only = read_only

    @property
    def contact_ids(self) -> set[UUID]:
        """All contacts whose merges matter: those named, and those of deals."""
        records = self._found.records.values()
        brought = {record.contact_id for record in records if record.aggregate == "deal"} - {None}
        return {record.id for record in records if record.aggregate == "contact"} | {one for one in brought if one}

    def place_new(self, sent: NewActivity, homes: Mapping[UUID, UUID]) -> dict[str, Any]:
        """Return the contacts' fields of an activity to be.

        Raises InvalidField, UnknownReference, Forbidden, Unavailable.
        """
        pointers = contacts.list_pointers(sent.contact_id, sent.contact_ids)
        referred = _name(pointers, sent.deal_id, sent.user_id)
        if not referred:
            return contacts.place((), homes)
        self._require(referred)
        named = contacts.name_contacts(sent.contact_id, sent.contact_ids)
        contacts.require_few(named)
        for contact_id in named:
            contacts.require_home(contact_id, homes, pointers)
        brought = self._find_brought(sent.deal_id)
        return contacts.place(named or (() if brought is None else (brought,)), homes)

    def resolve(self, record: Activity, changes: Mapping[str, Any], homes: Mapping[UUID, UUID]) -> dict[str, Any]:
        """Return the fields to set on a record. What it refers to already is not asked about again.

        Raises InvalidField, UnknownReference, Forbidden, Unavailable.
        """
        known = {*contacts.list_given(record), *record.contact_ids}
        present = {("deal", record.deal_id), ("user", record.user_id), *(("contact", one) for one in known)}
        new = {pointer: key for pointer, key in _name_all(changes).items() if key not in present}
        self._require(new)
        names_contacts = not changes.keys().isdisjoint(contacts.CONTACT_FIELDS)
        brought = None if names_contacts or "/deal_id" not in new else self._find_brought(changes["deal_id"])
        pointers = contacts.list_pointers(changes.get("contact_id"), changes.get("contact_ids") or ())
        return Change(changes, frozenset(homes), pointers, brought).resolve(record, homes)

    def require_owner(self, user_id: UUID | None, visible_owner_ids: Collection[UUID] | None) -> None:
        """Raise UnknownReference for another user whose records the caller does not see; None: they see all."""
        if (
            user_id is not None
            and user_id != self._caller.user_id
            and visible_owner_ids is not None
            and user_id not in visible_owner_ids
        ):
            raise UnknownReference.at("/user_id", "is nobody whose records you see")

    def require_answerable(self, activity_id: UUID | None, visible_owner_ids: Collection[UUID]) -> None:
        if activity_id is not None and activity_id not in visible_owner_ids:
            raise UnknownReference.at("/in_reply_to", "there is no such activity")

    def _find_brought(self, deal_id: UUID | None) -> UUID | None:
        deal = None if deal_id is None else self._found.records.get(("deal", deal_id))
        return None if deal is None else deal.contact_id

    def _require(self, named: Named) -> None:
        if self._found.unasked and not self._found.unasked.isdisjoint(named.values()):
            raise Unavailable("It names records not heard of here yet, after too many such. Send the item again.")
        problems = [
            FieldProblem(pointer, f"there is no such {aggregate}")
            for pointer, (aggregate, record_id) in named.items()
            if not self._is_known(aggregate, record_id)
        ]
        if problems:
            raise UnknownReference("; ".join(f"{p.pointer}: {p.detail}" for p in problems), errors=problems)
        refuse_read_only(named, self._read_only)

    def _is_known(self, aggregate: str, record_id: UUID) -> bool:
        if aggregate == "user":
            return record_id == self._caller.user_id or record_id in self._found.user_ids
        return (aggregate, record_id) in self._found.records
