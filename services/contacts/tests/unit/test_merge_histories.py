"""Any history of edits, merges and undoings, held against a simple model: each value by itself, in a flat table.

The model knows nothing of how a contact is kept: a field, a tag, a custom field and a share are each one value. A merge
notes what it changed, an undo takes that back where it still stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crm_contacts.contacts import domain as contacts
from crm_contacts.contacts.domain import Contact, NewContact, begin
from crm_contacts.merges import domain
from crm_contacts.merges.domain import Choice, Merging, NamelessSurvivor
from crm_contacts.merges.field_choices import to_choices
from crm_contacts.sharing import rules as sharing
from crm_shared.contracts.states import SharePermission
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 5)]
ACTIVE = frozenset(PEOPLE[:3])
SHARER = UUID(int=99)
KEYS = ["k", "l"]
PERMISSIONS: st.SearchStrategy[SharePermission] = st.sampled_from(("READ", "WRITE"))
CONTACTS = 3

FIELDS = ["first_name", "last_name", "email", "phone", "job_title", "source", "company_id", "external_id", "owner_id"]
NAMES = ["first_name", "last_name", "email", "phone"]

Atom = tuple[str, str]
Table = dict[Atom, Any]
"""(kind, name) -> value; what is not there has no entry."""

texts = st.sampled_from(["A", "B", "C"])
maybe = st.one_of(st.none(), texts)
choices = st.dictionaries(
    st.sampled_from([*FIELDS, "cf_k", "custom_data.l"]), st.sampled_from(list(Choice)), max_size=4
)


def to_table(contact: Contact) -> Table:
    table: Table = {("field", name): getattr(contact, name) for name in FIELDS if getattr(contact, name) is not None}
    if contact.phone is not None:
        assert contact.phone_e164 == "+" + contact.phone
    table |= {("tag", tag): True for tag in contact.tags}
    table |= {("custom", key): value for key, value in contact.custom_data.items()}
    table |= {("share", str(share["user_id"])): (share["permission"], share["created_by"]) for share in contact.shares}
    return table


def without_own_share(table: Table) -> Table:
    owner = ("share", str(table["field", "owner_id"]))
    return {atom: value for atom, value in table.items() if atom != owner}


def unite(this: Table, other: Table, chosen: Mapping[str, Choice]) -> Table:
    by_atom = {
        ("custom", name[-1]) if name.startswith(("cf_", "custom_data.")) else ("field", name): choice
        for name, choice in chosen.items()
    }
    united: Table = {}
    for atom in {*this, *other}:
        values: dict[Choice, Any] = {Choice.THIS: this.get(atom), Choice.OTHER: other.get(atom)}
        value: Any
        if atom[0] == "share":  # the stronger, the survivor's own where both are alike
            value = max(filter(None, values.values()), key=lambda share: ["READ", "WRITE"].index(share[0]))
        elif atom in by_atom:
            value = values[by_atom[atom]]
        else:
            value = values[Choice.THIS] if values[Choice.THIS] is not None else values[Choice.OTHER]
        if value is not None:
            united[atom] = value
    owners = {this["field", "owner_id"], other["field", "owner_id"]}
    if len(owners) > 1:
        for owner in owners & ACTIVE:
            if united.get(("share", str(owner)), ("READ",))[0] == "READ":
                united["share", str(owner)] = ("WRITE", None)
    return without_own_share(united)


def part(present: Table, before: Table, after: Table) -> Table:
    """Take back what stands as the merge left it."""
    parted = dict(present)
    for atom in {*before, *after}:
        if before.get(atom) != after.get(atom) and present.get(atom) == after.get(atom):
            parted.pop(atom, None)
            if atom in before:
                parted[atom] = before[atom]
    return without_own_share(parted)


@dataclass
class Done:
    """A merge that stands: as the domain decided it, and as the model saw the survivor before and after."""

    merging: Merging
    before: Table
    after: Table
    is_pure: bool = True  # nothing was edited since


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.contacts: dict[UUID, Contact] = {}
        self.model: dict[UUID, Table] = {}
        self.done: list[Done] = []

    @initialize(data=st.data())
    def create(self, data: st.DataObject) -> None:
        for number in range(CONTACTS):
            fields: dict[str, Any] = {name: data.draw(maybe) for name in FIELDS if name not in {"owner_id", "phone"}}
            phone = data.draw(maybe)
            new = NewContact(
                **{**fields, "first_name": "A"},
                phone=phone,
                phone_e164=None if phone is None else "+" + phone,
                owner_id=data.draw(st.sampled_from(PEOPLE)),
                tags=tuple(data.draw(st.lists(texts, unique=True, max_size=3))),
                custom_data=data.draw(st.dictionaries(st.sampled_from(KEYS), texts)),
            )
            contact = replace(begin(UUID(int=100 + number), new, now=NOW), shares=[])
            self.contacts[contact.id] = contact
            self.model[contact.id] = to_table(contact)

    def list_unmerged(self) -> list[UUID]:
        return [contact.id for contact in self.contacts.values() if contact.deleted_at is None]

    def keep(self, contact: Contact) -> None:
        assert contact.version == self.contacts[contact.id].version + 1
        self.contacts[contact.id] = contact

    @rule(data=st.data(), name=st.sampled_from([name for name in FIELDS if name not in {"owner_id", "first_name"}]))
    def edit_field(self, data: st.DataObject, name: str) -> None:
        value = data.draw(maybe)
        changes = {name: value} | ({"phone_e164": value and "+" + value} if name == "phone" else {})
        self.edit(data, changes)

    @rule(data=st.data(), tags=st.lists(texts, unique=True, max_size=3))
    def edit_tags(self, data: st.DataObject, tags: list[str]) -> None:
        self.edit(data, {"tags": tuple(tags)})

    @rule(data=st.data(), values=st.dictionaries(st.sampled_from(KEYS), texts))
    def edit_custom_data(self, data: st.DataObject, values: dict[str, str]) -> None:
        self.edit(data, {"custom_data": values})

    @rule(data=st.data(), owner_id=st.sampled_from(PEOPLE))
    def edit_owner(self, data: st.DataObject, owner_id: UUID) -> None:
        self.edit(data, {"owner_id": owner_id})

    @rule(data=st.data(), user_id=st.sampled_from(PEOPLE), permission=PERMISSIONS)
    def share(self, data: st.DataObject, user_id: UUID, permission: SharePermission) -> None:
        contact = self.contacts[data.draw(st.sampled_from(self.list_unmerged()))]
        if user_id != contact.owner_id:
            event = sharing.share(contact, user_id, permission, by=SHARER, now=NOW)
            if event is not None:
                self.put(event.contact)

    @rule(data=st.data())
    def unshare(self, data: st.DataObject) -> None:
        contact = self.contacts[data.draw(st.sampled_from(self.list_unmerged()))]
        if contact.shares:
            share = data.draw(st.sampled_from(list(contact.shares)))
            self.put(sharing.unshare(contact, UUID(str(share["user_id"])), now=NOW).contact)

    def edit(self, data: st.DataObject, changes: dict[str, Any]) -> None:
        contact = self.contacts[data.draw(st.sampled_from(self.list_unmerged()))]
        try:
            event = contacts.edit(contact, changes, now=NOW)
        except InvalidField:
            return
        if event is not None:
            self.put(event.contact)

    def put(self, contact: Contact) -> None:
        """Take an edit over: what the model is to know of it, it reads off the contact."""
        self.keep(contact)
        self.model[contact.id] = to_table(contact)
        for done in self.done:
            if done.merging.survivor.contact.id == contact.id:
                done.is_pure = False

    @precondition(lambda self: len(self.list_unmerged()) > 1)
    @rule(data=st.data(), chosen=choices)
    def merge(self, data: st.DataObject, chosen: dict[str, Choice]) -> None:
        this_id, other_id = data.draw(st.permutations(self.list_unmerged()))[:2]
        this, other = self.model[this_id], self.model[other_id]
        expected = unite(this, other, chosen)
        try:
            merging = domain.merge(
                self.contacts[this_id], self.contacts[other_id], to_choices(chosen), active_owner_ids=ACTIVE, now=NOW
            )
        except InvalidField:
            assert not any(("field", name) in expected for name in NAMES)
            return
        self.keep(merging.survivor.contact)
        self.keep(merging.other.contact)
        self.model[this_id] = expected
        self.done.append(Done(merging, before=this, after=expected))

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        done = data.draw(st.sampled_from([one for one in self.done if not self.has_later(one)]))
        survivor_id, other_id = done.merging.survivor.contact.id, done.merging.other.contact.id
        expected = part(self.model[survivor_id], done.before, done.after)
        try:
            parting = domain.undo(self.contacts[survivor_id], self.contacts[other_id], done.merging.changed, now=NOW)
        except NamelessSurvivor:
            assert not any(("field", name) in expected for name in NAMES)
            return
        self.keep(parting.survivor.contact)
        self.keep(parting.other.contact)
        self.model[survivor_id] = expected
        self.done.remove(done)
        if done.is_pure:  # exactly what it was, in the same order
            before = done.merging.survivor.before
            assert replace(parting.survivor.contact, version=before.version, updated_at=before.updated_at) == before

    def has_later(self, done: Done) -> bool:
        survivor_id = done.merging.survivor.contact.id
        later = self.done[self.done.index(done) + 1 :]
        return any(survivor_id in {one.merging.survivor.contact.id, one.merging.other.contact.id} for one in later)

    @invariant()
    def every_contact_is_as_the_model_says(self) -> None:
        for contact_id, contact in self.contacts.items():
            assert to_table(contact) == self.model[contact_id]

    @invariant()
    def no_value_is_lost(self) -> None:
        """Hold that a merged contact is hidden, keeps all it had (the model says so), and leads to one that lives."""
        for contact in self.contacts.values():
            assert (contact.deleted_at is None) == (contact.merged_into is None)
            survivor = contact
            while survivor.merged_into is not None:
                survivor = self.contacts[survivor.merged_into]
            assert survivor.deleted_at is None


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
