"""Use case: write many deals at once, with their dates on import. What is decided is what single calls decide."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_deals.deals import domain, events, repository
from crm_deals.deals.columns import DEAL_TABLE
from crm_deals.deals.commands import CreateDeal, to_new_deal
from crm_deals.deals.domain import (
    Deal,
    DealEvent,
    DealNotFound,
    DealNotYours,
    Decision,
    DuplicateExternalId,
    NewDeal,
)
from crm_deals.deals.editing import apply_changes, fit_amount
from crm_deals.deals.stage_choice import StageChoice, load_stage_choice
from crm_deals.pipelines.domain import Stage, StageKind
from crm_shared.access import Caller, Permission
from crm_shared.access.visible_records import find_visible_owners, require_visible_owner
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import OutboxEvent
from crm_shared.database import RecordTable, Transaction, UnitOfWork
from crm_shared.features.batches import (
    BatchItem,
    Decided,
    Outcome,
    Plan,
    RecordBatch,
    UniqueOwners,
    UniqueValue,
    write_batch,
)
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.definitions import Definitions
from crm_shared.features.custom_fields.repository import load_definitions
from crm_shared.features.replicas.canonical import lock_canonical, require_canonical, resolve_contact_change
from crm_shared.features.replicas.references import Found, Reference, References
from crm_shared.refusals import Conflict, InvalidField, Refusal, UnknownReference

REFERENCES = {"contact_id": "contact", "company_id": "company", "owner_id": "user"}


@dataclass(frozen=True, slots=True)
class ImportDeal:
    """A deal to be; `created_at` takes BACKDATE, and so does `closed_at`, which only a file says."""

    command: CreateDeal
    created_at: datetime | None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WriteDeals:
    """Well-formed items; `changes` of each are the fields that it named, `stage_id` and `changed_at` among them."""

    caller: Caller
    items: Sequence[BatchItem[ImportDeal]]


async def write_deals(
    command: WriteDeals, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[int, Outcome | Refusal]:
    """Carry out a batch, give what became of each item by its index. Raises Unavailable; then nothing is written."""
    # Before the transaction: an owner's answer may take its time, and a lock must not wait for it.
    found = await references.find(command.caller, list_references(command.items))
    async with unit_of_work.begin(command.caller) as transaction:
        return await write_batch(transaction, DealBatch(command.caller, found, clock), command.items)


def list_references(items: Sequence[BatchItem[ImportDeal]]) -> list[Reference]:
    """Return what the items refer to."""
    named: list[tuple[str, UUID | None]] = []
    for item in items:
        named += [(name, item.changes.get(name)) for name in REFERENCES]
        if isinstance(item.new, ImportDeal):
            named += [(name, getattr(item.new.command, name)) for name in REFERENCES]
    return [Reference(f"/{name}", REFERENCES[name], value) for name, value in named if value is not None]


class DealBatch(RecordBatch[Deal, ImportDeal]):
    unique_fields: ClassVar[Sequence[str]] = ("external_id",)
    table: ClassVar[RecordTable] = DEAL_TABLE

    _stages: StageChoice
    _definitions: Definitions
    _canonical: Mapping[UUID, UUID]
    _visible_owners: Collection[UUID]

    def __init__(self, caller: Caller, found: Found, clock: Clock) -> None:
        super().__init__(caller.tenant_id)
        self._caller = caller
        self._found = found
        self._clock = clock
        self._now = clock.now()
        self._governed: dict[UUID, bool] = {}
        self._seen: Collection[UUID] = ()
        self._happened: dict[tuple[UUID, int], DealEvent] = {}

    async def look(self, transaction: Transaction, items: Sequence[BatchItem[ImportDeal]]) -> Plan[Deal]:
        """Hold contacts and stages first: those who move deals after a merge, or empty a stage, lock in this order."""
        self._happened = {}
        contact_ids = {reference.id for reference in list_references(items) if reference.aggregate == "contact"}
        canonical = await lock_canonical(transaction, [(self.tenant_id, contact_id) for contact_id in contact_ids])
        self._canonical = {contact_id: canonical_id for (_, contact_id), canonical_id in canonical.items()}
        self._stages = await load_stage_choice(transaction, self.tenant_id, self._clock)
        return await super().look(transaction, items)

    async def find_unique_owners(self, transaction: Transaction, named: Mapping[str, Collection[str]]) -> UniqueOwners:
        ids = await repository.find_external_ids(transaction, self.tenant_id, named["external_id"])
        return UniqueOwners(ids={UniqueValue("external_id", value): deal_id for value, deal_id in ids.items()})

    async def find_seen(self, transaction: Transaction, record_ids: Collection[UUID]) -> Collection[UUID]:
        return await repository.find_seen_deals(transaction, self._caller, record_ids)

    async def lock(
        self, transaction: Transaction, record_ids: Collection[UUID], compared: dict[UniqueValue, UniqueValue]
    ) -> list[Deal]:
        del compared  # an external id is compared as it is
        locked = await repository.lock_many(transaction, self._caller, record_ids)
        self._governed = {deal_id: governs for deal_id, (_, governs) in locked.items()}
        others = [deal_id for deal_id, governs in self._governed.items() if not governs]
        self._seen = await repository.find_seen_deals(transaction, self._caller, others)
        return [deal for deal, _ in locked.values()]

    async def load_references(self, transaction: Transaction, items: Sequence[BatchItem[ImportDeal]]) -> None:
        del items
        self._visible_owners = await find_visible_owners(transaction, self._caller, self._found.user_ids)
        self._definitions = await load_definitions(transaction, self.tenant_id, EntityType.DEAL)

    def require_right(self, record: Deal) -> None:
        if self._governed.get(record.id, True):  # made by an item before: the caller's to write
            return
        raise DealNotYours if record.id in self._seen else DealNotFound

    def create(self, new: ImportDeal) -> Decided[Deal]:
        command = new.command
        if new.created_at is not None or new.closed_at is not None:
            self._caller.require(Permission.BACKDATE, "say when a deal was created")
        self._require_references({name: getattr(command, name) for name in REFERENCES})
        require_visible_owner(command.owner_id or self._caller.user_id, (self._caller.user_id, *self._visible_owners))
        require_canonical(command.contact_id, self._find_canonical(command.contact_id))
        contact = self._found.records.get(("contact", command.contact_id)) if command.contact_id else None
        custom_data = self._definitions.check(command.custom_data, partial=False)
        stage = self._stages.choose_first(command.pipeline_id, command.stage_id)
        checked = replace(to_new_deal(command, contact), custom_data=custom_data)
        return self._to_decided(self._begin(checked, stage, new))

    def _begin(self, checked: NewDeal, stage: Stage, new: ImportDeal) -> Decision:
        """Make the deal. Until it was closed it stood in its pipeline's first open stage, as far as we know."""
        at = new.created_at or new.closed_at or self._now
        if new.closed_at is not None and stage.kind is StageKind.OPEN:
            raise InvalidField.at("/closed_at", "belongs to a deal in a closed stage")
        if new.closed_at is None or new.closed_at == at:
            return domain.create(new_id(), checked, stage, at=at, now=self._now)
        first = self._stages.choose_first(stage.pipeline_id, None)
        begun = domain.create(new_id(), replace(checked, lost_reason=None), first, at=at, now=self._now)
        try:
            closed = domain.move(
                begun.deal, first, stage, lost_reason=checked.lost_reason, at=new.closed_at, now=self._now
            )
        except InvalidField as refusal:
            is_moment = refusal.errors[0].pointer == "/changed_at"
            raise InvalidField.at("/closed_at", refusal.errors[0].detail) if is_moment else refusal from None
        return begun.then(closed)

    def edit(self, record: Deal, changes: Mapping[str, Any]) -> Decided[Deal]:
        changed_at = changes.get("changed_at")
        if changed_at is not None:
            self._caller.require(Permission.BACKDATE, "say when a move happened")
        named = {name: changes[name] for name in REFERENCES if changes.get(name) is not None}
        self._require_references({name: value for name, value in named.items() if value != getattr(record, name)})
        stages = self._stages.choose_move(record, changes.get("pipeline_id"), changes.get("stage_id"))
        fields = resolve_contact_change(
            fit_amount(record, changes), self._find_canonical(changes.get("contact_id")), record
        )
        values = fields.pop("custom_data", None)
        if values:
            fields["custom_data"] = self._definitions.merge(record.custom_data, values)
        at = changed_at or max(self._now, record.stage_changed_at)
        return self._to_decided(apply_changes(record, fields, stages, at=at, now=self._now))

    async def conclude(self, transaction: Transaction, wire: Sequence[OutboxEvent]) -> None:
        happened = [self._happened[event.aggregate_id, event.version] for event in wire]
        await repository.record_history(transaction, self._caller.tenant_id, self._caller.user_id, happened)

    def _to_decided(self, decision: Decision) -> Decided[Deal]:
        # Some of it may come to nothing: another item of the batch may have the external id.
        self._happened |= {(event.deal.id, event.deal.version): event for event in decision.events}
        return Decided(decision.deal, events.MAPPING.to_wire(decision.events, by=self._caller))

    def _require_references(self, named: Mapping[str, UUID | None]) -> None:
        for name, value in named.items():
            aggregate = REFERENCES[name]
            is_known = (
                value in self._found.user_ids if aggregate == "user" else (aggregate, value) in self._found.records
            )
            if value is not None and not is_known:
                raise UnknownReference.at(f"/{name}", f"there is no such {aggregate}")

    def _find_canonical(self, contact_id: UUID | None) -> UUID | None:
        return None if contact_id is None else self._canonical[contact_id]

    def refuse_absent(self) -> Refusal:
        return DealNotFound()

    def to_conflict(self, value: UniqueValue, holder_id: UUID | None) -> Conflict:
        del value
        return DuplicateExternalId(holder_id)

    def to_state(self, record: Deal) -> Mapping[str, Any]:
        return events.to_state(record)

    def read_new(self, new: ImportDeal, name: str) -> Any:
        return getattr(new.command, name)
