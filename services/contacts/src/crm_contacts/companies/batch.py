"""Use case: write many companies at once. What is decided of each is what the single call decides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

from crm_contacts.companies import domain, events, repository
from crm_contacts.companies.commands import CreateCompany
from crm_contacts.companies.domain import Company, CompanyEvent, CompanyNotFound
from crm_contacts.companies.unique_owners import UNIQUE_FIELDS, find_seen_companies, find_unique_owners, to_conflict
from crm_contacts.owners import require_active
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
from crm_shared.refusals import Conflict, Refusal


@dataclass(frozen=True, slots=True)
class WriteCompanies:
    """Well-formed items; `changes` of each are the fields that it named, None included."""

    caller: Caller
    items: Sequence[BatchItem[CreateCompany]]


async def write_companies(
    command: WriteCompanies, unit_of_work: UnitOfWork, clock: Clock
) -> dict[int, Outcome | Refusal]:
    """Carry out a batch, give what became of each item by its index. Raises Unavailable; then nothing is written."""
    async with unit_of_work.begin(command.caller) as transaction:
        return await write_batch(transaction, CompanyBatch(command.caller, clock), command.items)


class CompanyBatch(RecordBatch[Company, CreateCompany]):
    unique_fields: ClassVar[Sequence[str]] = UNIQUE_FIELDS
    table: ClassVar[RecordTable] = repository.COMPANY_TABLE

    _owners: Collection[UUID]
    _visible_owners: Collection[UUID]
    _definitions: Definitions

    def __init__(self, caller: Caller, clock: Clock) -> None:
        super().__init__(caller.tenant_id)
        self._caller = caller
        self._now = clock.now()
        self._invisible: Collection[UUID] = ()

    async def find_unique_owners(self, transaction: Transaction, named: Mapping[str, Collection[str]]) -> UniqueOwners:
        return await find_unique_owners(transaction, self.tenant_id, named)

    async def find_seen(self, transaction: Transaction, record_ids: Collection[UUID]) -> Collection[UUID]:
        return await find_seen_companies(transaction, self._caller, record_ids)

    async def lock(
        self, transaction: Transaction, record_ids: Collection[UUID], compared: dict[UniqueValue, UniqueValue]
    ) -> list[Company]:
        del compared  # a domain is compared as it stands
        locked = await repository.lock_many(transaction, self._caller, record_ids)
        self._invisible = {company.id for company, is_visible in locked if not is_visible}
        return [company for company, _ in locked]

    async def load_references(self, transaction: Transaction, items: Sequence[BatchItem[CreateCompany]]) -> None:
        owner_ids = {item.new.new.owner_id for item in items if isinstance(item.new, CreateCompany)}
        owner_ids |= {item.changes["owner_id"] for item in items if "owner_id" in item.changes}
        self._owners = await find_active(transaction, self._caller, owner_ids)
        self._visible_owners = await find_visible_owners(transaction, self._caller, owner_ids)
        self._definitions = await load_definitions(transaction, self.tenant_id, EntityType.COMPANY)

    def require_right(self, record: Company) -> None:
        if record.id in self._invisible:
            raise CompanyNotFound

    def create(self, new: CreateCompany) -> Decided[Company]:
        require_active(new.new.owner_id, self._owners)
        require_visible_owner(new.new.owner_id, self._visible_owners)
        checked = replace(new.new, custom_data=self._definitions.check(new.new.custom_data, partial=False))
        return self._to_decided(domain.create(new_id(), checked, now=self._now))

    def edit(self, record: Company, changes: Mapping[str, Any]) -> Decided[Company]:
        checked = dict(changes)
        if changes.get("owner_id", record.owner_id) != record.owner_id:
            require_active(changes["owner_id"], self._owners)
        values = checked.pop("custom_data", None)
        if values:
            checked["custom_data"] = self._definitions.merge(record.custom_data, values)
        event = domain.edit(record, checked, now=self._now)
        return Decided(record) if event is None else self._to_decided(event)

    def _to_decided(self, event: CompanyEvent) -> Decided[Company]:
        return Decided(event.company, events.MAPPING.to_wire([event], by=self._caller))

    def refuse_absent(self) -> Refusal:
        return CompanyNotFound()

    def to_conflict(self, value: UniqueValue, holder_id: UUID | None) -> Conflict:
        return to_conflict(value, holder_id)

    def to_state(self, record: Company) -> Mapping[str, Any]:
        return events.to_state(record)

    def read_new(self, new: CreateCompany, name: str) -> Any:
        return getattr(new.new, name)
