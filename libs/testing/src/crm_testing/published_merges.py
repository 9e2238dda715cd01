"""Contacts that are merged and parted, told as contacts tells of it: for tests of those whose records follow."""

from dataclasses import dataclass, field
from uuid import UUID

from crm_shared.contracts import Event
from crm_testing.published_records import PublishedRecord


@dataclass
class PublishedContacts:
    """`contacts` by id, all of one owner. Each act gives the events that it makes; `events` holds them all."""

    tenant_id: UUID
    owner_id: UUID
    contacts: dict[UUID, PublishedRecord] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def create(self, first_name: str = "Ada") -> UUID:
        record = PublishedRecord.new("contact", self.tenant_id, owner_id=self.owner_id, first_name=first_name)
        self.contacts[record.id] = record
        self.events.append(record.publish())
        return record.id

    def merge(self, other_id: UUID, *, into: UUID) -> list[Event]:
        """Hide `other_id` and unite it with `into`: the event of each."""
        other, survivor = self.contacts[other_id], self.contacts[into]
        other.change(merged_into=into, deleted_at=other.state["updated_at"])
        survivor.change()
        return self._keep(other.publish("merged"), survivor.publish("merged"))

    def part(self, other_id: UUID) -> list[Event]:
        """Undo the merge that hid `other_id`: the event of each."""
        other = self.contacts[other_id]
        survivor = self.contacts[other.state["merged_into"]]
        survivor.change()
        other.change(merged_into=None, deleted_at=None)
        return self._keep(survivor.publish("unmerged"), other.publish("unmerged"))

    def edit(self, contact_id: UUID, first_name: str) -> list[Event]:
        return self._keep(self.contacts[contact_id].change(first_name=first_name))

    def find_canonical(self, contact_id: UUID) -> UUID:
        """Return the contact in which this one lives on by now."""
        while (merged_into := self.contacts[contact_id].state["merged_into"]) is not None:
            contact_id = merged_into
        return contact_id

    def _keep(self, *events: Event) -> list[Event]:
        self.events += events
        return list(events)
