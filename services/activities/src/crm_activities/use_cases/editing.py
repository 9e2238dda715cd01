"""What an edit asks for: its references checked before the transaction, its contacts settled within."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_activities.activities import contacts, repository
from crm_activities.activities.activity import Activity
from crm_shared.access import Caller
from crm_shared.database import Transaction
from crm_shared.features.replicas.canonical import lock_canonical
from crm_shared.features.replicas.records import ReplicaRecord
from crm_shared.features.replicas.references import Reference, References

REFERENCES = {"deal_id": "deal", "user_id": "user"}


@dataclass(frozen=True, slots=True)
class Change:
    """`fields` as the request named them. `brought`: the contact of a deal that was named without one.

    `contact_ids` are all whose merges matter, `pointers` where the request names a contact.
    """

    fields: Mapping[str, Any]
    contact_ids: frozenset[UUID] = frozenset()
    pointers: Mapping[UUID, str] | None = None
    brought: UUID | None = None

    def covers(self, activity: Activity) -> bool:
        """Return whether the activity's own contacts are known still: somebody may have changed them meanwhile."""
        return not self.contact_ids or self.contact_ids.issuperset(
            (*contacts.list_given(activity), *activity.contact_ids)
        )

    def resolve(self, activity: Activity, homes: Mapping[UUID, UUID]) -> dict[str, Any]:
        """Return the fields to set. `homes`: where each of `contact_ids` lives on. Raises UnknownReference."""
        fields = {name: value for name, value in self.fields.items() if name not in contacts.CONTACT_FIELDS}
        named = contacts.list_named(self.fields, activity, brought=self.brought)
        if named is None:
            return fields
        return fields | contacts.change_contacts(activity, named, homes, self.pointers or {}, brought=self.brought)


async def prepare_change(
    caller: Caller, activity_id: UUID, fields: Mapping[str, Any], references: References
) -> Change:
    """Check the references that change; a deal named alone brings its contact.

    Before the transaction: an owner's answer may take its time, and a lock must not wait for it. Raises
    UnknownReference, ActivityNotFound, and Forbidden for what is shared with the caller to read alone.
    """
    named = {name: fields[name] for name in REFERENCES if fields.get(name) is not None}
    names_contacts = not fields.keys().isdisjoint(contacts.CONTACT_FIELDS)
    if not named and not names_contacts:
        return Change(fields)
    present = await repository.load(references.database, caller, activity_id)
    known = {*contacts.list_given(present), *present.contact_ids}
    pointers = contacts.list_pointers(fields.get("contact_id"), fields.get("contact_ids") or ())
    changed = {name: value for name, value in named.items() if value != getattr(present, name)}
    found = await references.require(
        caller,
        *list_references(changed, {one: pointer for one, pointer in pointers.items() if one not in known}),
    )
    await references.require_writable(caller, found)
    brought = None if names_contacts else find_contact_of_deal(found)
    if brought is None and not names_contacts:
        return Change(fields)
    return Change(fields, frozenset({*known, *pointers, *(() if brought is None else (brought,))}), pointers, brought)


async def hold_homes(transaction: Transaction, tenant_id: UUID, contact_ids: frozenset[UUID]) -> dict[UUID, UUID]:
    """Return where each contact lives on, held so until the transaction ends."""
    homes = await lock_canonical(transaction, {(tenant_id, contact_id) for contact_id in contact_ids})
    return {contact_id: home for (_, contact_id), home in homes.items()}


def list_references(named: Mapping[str, UUID | None], pointers: Mapping[UUID, str]) -> list[Reference]:
    records = [Reference(f"/{name}", REFERENCES[name], value) for name, value in named.items() if value is not None]
    return records + [Reference(pointer, "contact", contact_id) for contact_id, pointer in pointers.items()]


def find_contact_of_deal(found: Mapping[str, ReplicaRecord]) -> UUID | None:
    deal = found.get("/deal_id")
    return None if deal is None else deal.contact_id
