"""What a kind of record brings to a batch: how it is found, locked, decided upon and written."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeAlias
from uuid import UUID

from crm_shared.contracts import OutboxEvent
from crm_shared.database import RecordTable, Transaction
from crm_shared.database.record_table import count_rows
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.batches.plan import BatchItem, NewT, Plan, RecordT, Step, UniqueValue
from crm_shared.json_pieces import write_json
from crm_shared.json_text import JsonText
from crm_shared.refusals import Conflict, Refusal

PIECE_RECORDS: Final = 100
"""Made ready to be written before others of this process get their turn."""


Published: TypeAlias = Mapping[tuple[UUID, int], OutboxEvent]
"""By (record id, version), the event that tells of it."""


class TakenMeanwhile(Exception):
    """Another transaction has written what the plan counted on; a fresh look will tell, once."""


@dataclass(frozen=True, slots=True)
class Decided(Generic[RecordT]):
    """A record as an item leaves it, and the events of it, in order; none when it was so before."""

    record: RecordT
    events: Sequence[OutboxEvent] = ()


@dataclass(frozen=True, slots=True)
class UniqueOwners:
    """`compared`: each value as given -> the form in which it is compared. `ids`: who has that one."""

    compared: dict[UniqueValue, UniqueValue] = field(default_factory=dict)
    ids: dict[UniqueValue, UUID] = field(default_factory=dict)


class RecordBatch(ABC, Generic[RecordT, NewT]):
    """Made for one command. `unique_fields`: those of which one living record at most may have a value."""

    unique_fields: ClassVar[Sequence[str]]
    table: ClassVar[RecordTable]

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self._holders = UniqueOwners()
        self._unseen: frozenset[UUID] = frozenset()
        self._missed: set[tuple[UniqueValue, UUID]] = set()

    @abstractmethod
    async def find_unique_owners(self, transaction: Transaction, named: Mapping[str, Collection[str]]) -> UniqueOwners:
        """Look up values by unique field: the compared form of each, and the living record that has it."""

    @abstractmethod
    async def find_seen(self, transaction: Transaction, record_ids: Collection[UUID]) -> Collection[UUID]:
        """Return those of the records that the caller sees."""

    @abstractmethod
    async def lock(
        self, transaction: Transaction, record_ids: Collection[UUID], compared: dict[UniqueValue, UniqueValue]
    ) -> list[RecordT]:
        """Lock the living records, in order of id, in sight or not; add their own values' forms to `compared`."""

    @abstractmethod
    async def load_references(self, transaction: Transaction, items: Sequence[BatchItem[NewT]]) -> None:
        """Read what the items refer to. The records are locked by now."""

    @abstractmethod
    def require_right(self, record: RecordT) -> None:
        """Raise what `refuse_absent` gives for a record out of sight, Forbidden for one that may only be read."""

    @abstractmethod
    def create(self, new: NewT) -> Decided[RecordT]:
        """Decide on a new record. Any Refusal raised is the item's alone; likewise in `edit`."""

    @abstractmethod
    def edit(self, record: RecordT, changes: Mapping[str, Any]) -> Decided[RecordT]: ...
    @abstractmethod
    def refuse_absent(self) -> Refusal: ...
    @abstractmethod
    def to_conflict(self, value: UniqueValue, holder_id: UUID | None) -> Conflict:
        """Make the refusal for a value that another record has; None for one that the caller doesn't see."""

    @abstractmethod
    def to_state(self, record: RecordT) -> Mapping[str, Any]: ...
    @abstractmethod
    def read_new(self, new: NewT, name: str) -> Any:
        """Return a field of what is to be created."""

    def read_value(self, record: RecordT, name: str) -> str | None:
        """Return a record's value of a unique field."""
        value: str | None = getattr(record, name)
        return value

    def read_changed(self, changes: Mapping[str, Any], name: str) -> str | None:
        """Return the value of a unique field that an item gives to the record that it changes."""
        return changes.get(name)

    async def look(self, transaction: Transaction, items: Sequence[BatchItem[NewT]]) -> Plan[RecordT]:
        """Read and lock what the items are about.

        Raises TakenMeanwhile when that changed during a wait for a lock: once for the same holder of the same value.
        One who can't be had the second time either is in the way of the items that name it, and of no others.
        """
        named = {name: set(self._list_named(items, name)) for name in self.unique_fields}
        self._holders = await self.find_unique_owners(transaction, named)
        wanted = {record_id for item in items if (record_id := self._find_id(item)) is not None}
        locked = await self.lock(transaction, wanted, self._holders.compared) if wanted else []
        records = {record.id: record for record in locked}
        missed = {
            (value, holder_id)
            for value, holder_id in self._holders.ids.items()
            if holder_id in wanted and (holder_id not in records or value not in self._list_values(records[holder_id]))
        }
        if missed - self._missed:
            self._missed |= missed
            raise TakenMeanwhile
        holder_ids = frozenset(self._holders.ids.values())
        self._unseen = (
            holder_ids.difference(await self.find_seen(transaction, holder_ids)) if holder_ids else holder_ids
        )
        await self.load_references(transaction, items)
        return Plan(records, self._holders.ids, values_of=self._list_values, conflict_of=self._refuse_taken)

    def find(self, item: BatchItem[NewT], plan: Plan[RecordT]) -> RecordT | None:
        """Return the record that the item's target names. Raises a Refusal when the caller may not change it."""
        if item.target is None:
            return None
        if item.target.field == "id":
            record = plan.find(item.target.value)
        else:
            value = self._compare(item.target.field, item.target.value)
            holder_id = plan.find_unique_owner(value)
            record = plan.find(holder_id)
        if record is None:
            return None
        try:
            self.require_right(record)
        except type(self.refuse_absent()):
            if item.new is None:
                raise
            raise self._refuse_taken(value, record.id) from None  # as creating it would be answered
        return record

    def _refuse_taken(self, value: UniqueValue, holder_id: UUID) -> Conflict:
        return self.to_conflict(value, None if holder_id in self._unseen else holder_id)

    async def resolve(
        self, transaction: Transaction, plan: Plan[RecordT], wire: list[OutboxEvent]
    ) -> list[OutboxEvent]:
        """Finish the plan's records where that takes a look at others; return the events as they are then."""
        del transaction, plan
        return wire

    async def write(self, transaction: Transaction, step: Step[RecordT], published: Published) -> None:
        """Write one step. Raises TakenMeanwhile, or asyncpg's UniqueViolationError, when a value has been taken."""
        if step.inserts:
            inserts = await self._write_states(step.inserts, published)
            status = await transaction.execute(self.table.insert_many, self.tenant_id, inserts)
            if count_rows(status) < len(step.inserts):
                raise TakenMeanwhile
        if step.saves:
            saves = await self._write_states(step.saves, published)
            await transaction.execute(self.table.update_many, self.tenant_id, saves)

    async def conclude(self, transaction: Transaction, wire: Sequence[OutboxEvent]) -> None:
        """Write what belongs to the records beside them, once all of them are there; `wire` is what came of it all."""

    async def _write_states(self, records: Mapping[UUID, RecordT], published: Published) -> JsonText:
        """In order of their unique values: batches that bring the same ones take them in the same order."""
        ordered = sorted(records.values(), key=self._list_values)
        states = [self._write_state(record, published) async for record in in_turns(ordered, at_once=PIECE_RECORDS)]
        written = [state for state in states if isinstance(state, JsonText)]
        if len(written) == len(states):
            return JsonText(b"[" + b",".join(written) + b"]")
        return JsonText(b"".join(await write_json(states, levels=1)))

    def _write_state(self, record: RecordT, published: Published) -> JsonText | Mapping[str, Any]:
        """Return what `to_state` gives: the event of this version has it as JSON already."""
        event = published.get((record.id, record.version))
        return self.to_state(record) if event is None else event.state

    def _list_named(self, items: Sequence[BatchItem[NewT]], name: str) -> Iterator[str]:
        for item in items:
            given = [self.read_changed(item.changes, name)]
            if item.new is not None and not isinstance(item.new, Refusal):
                given.append(self.read_new(item.new, name))
            if item.target is not None and item.target.field == name:
                given.append(item.target.value)
            yield from (value for value in given if value is not None)

    def _find_id(self, item: BatchItem[NewT]) -> UUID | None:
        if item.target is None:
            return None
        if item.target.field == "id":
            return UUID(str(item.target.value))
        return self._holders.ids.get(self._compare(item.target.field, item.target.value))

    def _compare(self, name: str, value: str) -> UniqueValue:
        given = UniqueValue(name, value)
        return self._holders.compared.get(given, given)

    def _list_values(self, record: RecordT) -> list[UniqueValue]:
        values: list[UniqueValue] = []
        for name in self.unique_fields:
            value = self.read_value(record, name)
            if value is not None:
                values.append(self._compare(name, value))
        return values
