"""Use case: write many contacts at once. What is decided of each is what the single call decides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

from crm_contacts.companies import repository as companies
from crm_contacts.contacts import domain, events, repository
from crm_contacts.contacts.commands import CreateContact
from crm_contacts.contacts.domain import Contact, ContactEvent, ContactNotFound
from crm_contacts.contacts.rights import Right, find_right, require_right
from crm_contacts.contacts.unique_owners import UNIQUE_FIELDS, find_seen_contacts, find_unique_owners, to_conflict
from crm_contacts.owners import require_active
from crm_contacts.phones import to_e164
from crm_shared.access import Caller
from crm_shared.access.active_users import find_active
from crm_shared.access.visible_records import find_visible_owners, require_visible_owner
from crm_shared.clock import Clock, new_id
from crm_shared.database import RecordTable, Transaction, UnitOfWork
from crm_shared.features.batches import (
    BatchItem,
    Decided,
    Outcome,
    RecordBatch,
    UniqueOwners,
    UniqueValue,
    write_batch,
)
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.definitions import Definitions
from crm_shared.features.custom_fields.repository import load_definitions
from crm_shared.refusals import Conflict, Refusal, UnknownReference


@dataclass(frozen=True, slots=True)
class WriteContacts:
    """Well-formed items; `changes` of each are the fields that it named, None included."""

    caller: Caller
    items: Sequence[BatchItem[CreateContact]]


@dataclass(frozen=True, slots=True)
class References:
    """What the items of one batch refer to, as it is now.

    `owners`: who may be given a record, `visible_owners`: for whom one may be made. `region`: of phones that name no
    country.
    """

    owners: Collection[UUID]
    visible_owners: Collection[UUID]
    companies: Collection[UUID]
    region: str
    definitions: Definitions

    def require_company(self, company_id: UUID | None) -> None:
        if company_id is not None and company_id not in self.companies:
            raise UnknownReference.at("/company_id", "there is no such company")

    def to_e164(self, phone: str | None) -> str | None:
        return None if phone is None else to_e164(phone, self.region)


async def write_contacts(
    command: WriteContacts, unit_of_work: UnitOfWork, clock: Clock
) -> dict[int, Outcome | Refusal]:
    """Carry out a batch, give what became of each item by its index. Raises Unavailable; then nothing is written."""
    async with unit_of_work.begin(command.caller) as transaction:
        return await write_batch(transaction, ContactBatch(command.caller, clock), command.items)


class ContactBatch(RecordBatch[Contact, CreateContact]):
    unique_fields: ClassVar[Sequence[str]] = UNIQUE_FIELDS
    table: ClassVar[RecordTable] = repository.CONTACT_TABLE

    _references: References
    _rights: Mapping[UUID, Right | None]

    def __init__(self, caller: Caller, clock: Clock) -> None:
        super().__init__(caller.tenant_id)
        self._caller = caller
        self._now = clock.now()
        self._rights = {}

    async def find_unique_owners(self, transaction: Transaction, named: Mapping[str, Collection[str]]) -> UniqueOwners:
        return await find_unique_owners(transaction, self.tenant_id, named)

    async def find_seen(self, transaction: Transaction, record_ids: Collection[UUID]) -> Collection[UUID]:
        return await find_seen_contacts(transaction, self._caller, record_ids)

    async def lock(
        self, transaction: Transaction, record_ids: Collection[UUID], compared: dict[UniqueValue, UniqueValue]
    ) -> list[Contact]:
        locked = await repository.lock_many(transaction, self._caller, record_ids)
        user_id = self._caller.user_id
        self._rights = {row.contact.id: find_right(row.contact.shares, user_id, governs=row.governs) for row in locked}
        for row in locked:
            if row.contact.email is not None and row.email_key is not None:
                compared[UniqueValue("email", row.contact.email)] = UniqueValue("email", row.email_key)
        return [row.contact for row in locked]

    async def load_references(self, transaction: Transaction, items: Sequence[BatchItem[CreateContact]]) -> None:
        new = [item.new.new for item in items if isinstance(item.new, CreateContact)]
        owner_ids = {each.owner_id for each in new}
        owner_ids |= {item.changes["owner_id"] for item in items if "owner_id" in item.changes}
        company_ids = {each.company_id for each in new} | {item.changes.get("company_id") for item in items}
        self._references = References(
            await find_active(transaction, self._caller, owner_ids),
            await find_visible_owners(transaction, self._caller, owner_ids),
            await companies.find_visible(transaction, self._caller, {each for each in company_ids if each is not None}),
            await repository.load_region(transaction, self.tenant_id),
            await load_definitions(transaction, self.tenant_id, EntityType.CONTACT),
        )

    def require_right(self, record: Contact) -> None:
        self._require(record, Right.WRITE)

    def _require(self, contact: Contact, right: Right) -> None:
        held = self._rights.get(contact.id, Right.GOVERN)  # made by an item before: the caller's to write
        if held is None:
            raise ContactNotFound
        require_right(held, right)

    def create(self, new: CreateContact) -> Decided[Contact]:
        references = self._references
        require_active(new.new.owner_id, references.owners)
        require_visible_owner(new.new.owner_id, references.visible_owners)
        references.require_company(new.new.company_id)
        custom_data = references.definitions.check(new.new.custom_data, partial=False)
        checked = replace(new.new, custom_data=custom_data, phone_e164=references.to_e164(new.new.phone))
        return self._to_decided(domain.create(new_id(), checked, now=self._now))

    def edit(self, record: Contact, changes: Mapping[str, Any]) -> Decided[Contact]:
        references, checked = self._references, dict(changes)
        if changes.get("owner_id", record.owner_id) != record.owner_id:
            self._require(record, Right.GOVERN)
            require_active(changes["owner_id"], references.owners)
        if changes.get("company_id", record.company_id) != record.company_id:
            references.require_company(changes["company_id"])
        values = checked.pop("custom_data", None)
        if values:
            checked["custom_data"] = references.definitions.merge(record.custom_data, values)
        if changes.get("phone", record.phone) != record.phone:
            checked["phone_e164"] = references.to_e164(changes["phone"])
        event = domain.edit(record, checked, now=self._now)
        return Decided(record) if event is None else self._to_decided(event)

    def _to_decided(self, event: ContactEvent) -> Decided[Contact]:
        return Decided(event.contact, events.MAPPING.to_wire([event], by=self._caller))

    def refuse_absent(self) -> Refusal:
        return ContactNotFound()

    def to_conflict(self, value: UniqueValue, holder_id: UUID | None) -> Conflict:
        return to_conflict(value, holder_id)

    def to_state(self, record: Contact) -> Mapping[str, Any]:
        return events.to_state(record)

    def read_new(self, new: CreateContact, name: str) -> Any:
        return getattr(new.new, name)
