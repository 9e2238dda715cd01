"""All that an import must know of one type of record, in one place: its adapter."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, LiteralString, Protocol, TypeVar
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.clock import Clock
from crm_shared.contracts import Actor, EventMapping
from crm_shared.contracts.mapping import DomainEvent
from crm_shared.database import Connection, Database, RecordTable, Transaction, Where
from crm_shared.features.batches import BatchItem, RecordBatch, Target, UniqueOwners
from crm_shared.features.custom_fields import Definitions, EntityType, load_definitions
from crm_shared.features.imports.domain import Import, ImportedType, OnMissingCompany
from crm_shared.features.imports.headers import FieldNames
from crm_shared.features.imports.references import Found, NameKey, References, RowKey, Wanted
from crm_shared.features.imports.value_forms import ValueKind
from crm_shared.record_fields import field_names
from crm_shared.refusals import Refusal

NOBODY: Final = UUID(int=0)
NO_RENAMING: Final[Mapping[str, Any]] = MappingProxyType({})
Read = Callable[[str], str]
"""Returns what a row's cell of a field says, "" where the file has no such column."""
Warn = Callable[[str, str], None]
"""Tells of a field that some rows name and that is left out."""


class ImportedRecord(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def deleted_at(self) -> datetime | None: ...


RecordT = TypeVar("RecordT", bound=ImportedRecord)
NewT = TypeVar("NewT")
EventT = TypeVar("EventT", bound=DomainEvent)


class ChunkRows:
    """The rows of one chunk that are ready to be written, as they pass to the worker."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def add(
        self,
        values: dict[str, Any],
        custom_data: Mapping[str, Any],
        refusal: str | None,
        *,
        is_new: bool = True,
    ) -> None:
        """Take the next row. `values`: those that are not empty; `refusal`: why it can be no new record."""
        del is_new
        number = len(self._rows)
        self._rows.append({**values, "number": number, "custom_data": custom_data, "refusal": refusal})

    def take(self) -> Any:
        """Return what the kind writes them from."""
        return self._rows


class ImportAdapter(ABC, Generic[RecordT, NewT, EventT]):
    """One type of record, as files bring it in.

    `record` is its class, `new` the one whose fields a row may set, `records` its table. `readers` give a field's value
    for a cell's text, `list_readers` for a text and what parts its values; `forms`: fields that files write in several
    ways. `references`: the column that names another record -> the field that it sets;
    `several`: those whose cell may name some -> the field that takes them all; `people`: the one that names a user.
    `id_properties`: what a row may
    be found by, the usual one first, each had by one record alone; `match_properties`: what `match_by` may name;
    `unsure`: those that several may have, with their words, and `key_fields` what such a key is made of. `naming`: the
    fields by which a row that lacks cells at its end still says whose it is. `find`: the SELECT of `number`, `id` and
    `owner_id` for the keys in `wanted`, `shared_by` the contact by which it may be seen too. `conflicts`: the field of
    each refusal's slug. `set_by`: the column of a field that a row sets by another's. `derived`: what
    follows from another field. `not_restored`: what taking back leaves alone.
    """

    records: ClassVar[LiteralString]
    alias: ClassVar[LiteralString] = "c"
    record: ClassVar[type[Any]]
    new: ClassVar[type[Any]]
    table: ClassVar[RecordTable]
    names: ClassVar[FieldNames]
    readers: ClassVar[Mapping[str, Callable[[str], Any]]]
    list_readers: ClassVar[Mapping[str, Callable[[str, str], Any]]] = NO_RENAMING
    forms: ClassVar[Mapping[str, ValueKind]] = NO_RENAMING
    references: ClassVar[Mapping[str, str]]
    several: ClassVar[Mapping[str, str]] = NO_RENAMING
    people: ClassVar[str] = "owner"
    id_properties: ClassVar[Sequence[str]]
    match_properties: ClassVar[Sequence[str]]
    unsure: ClassVar[Mapping[str, str]] = NO_RENAMING
    key_fields: ClassVar[Mapping[str, Sequence[str]]] = NO_RENAMING
    single_values: ClassVar[Collection[str]] = ()
    naming: ClassVar[Sequence[str]]
    unique_fields: ClassVar[Sequence[str]]
    conflicts: ClassVar[Mapping[str, str]]
    set_by: ClassVar[Mapping[str, str]] = NO_RENAMING
    find: ClassVar[str]
    shared_by: ClassVar[LiteralString | None] = None
    derived: ClassVar[Mapping[str, str]] = NO_RENAMING
    not_restored: ClassVar[Collection[str]] = frozenset({"deleted_at", "created_at"})
    on_missing_company: ClassVar[Collection[OnMissingCompany]] = tuple(OnMissingCompany)
    entity_type: ClassVar[EntityType | None]
    mapping: EventMapping[RecordT, EventT]

    @property
    def aggregate(self) -> str:
        return self.mapping.aggregate

    @property
    def select(self) -> str:
        wanted = " WHERE " + self.alias + ".tenant_id = $1 AND " + self.alias + ".id = ANY ($2)"
        return "SELECT" + self.table.columns + "FROM " + self.records + " " + self.alias + wanted

    @property
    def lock(self) -> str:
        return self.select + " ORDER BY " + self.alias + ".id FOR NO KEY UPDATE OF " + self.alias

    async def load_definitions(self, connection: Connection, tenant_id: UUID) -> Definitions:
        """Return the custom fields, which stand still until the transaction ends; none where a type takes none."""
        if self.entity_type is None:
            return Definitions(tenant_id, None, ())
        return await load_definitions(connection, tenant_id, self.entity_type)

    # What rows refer to, and how they are read

    def add_visibility(self, where: Where, caller: Caller) -> Where:
        """Leave, of the rows `r` that `find` gives, those that the caller sees."""
        return add_visible(where, caller, "r.owner_id", contact_id=self.shared_by)

    def split_names(self, name: str, text: str) -> Sequence[str]:
        """Return the texts by which a cell of the column `name` names records: all count in a column of `several`."""
        del name
        return (text,)

    def make_name_key(self, name: str, text: str, read: Read) -> NameKey:
        """Return by what the record is looked for that the column `name` names by `text`."""
        del name, read
        return (text,)

    def make_row_key(self, name: str, read: Read, row_context: Any) -> RowKey | None:
        """Return by what the row's own record is looked for; None where its cell can be no such thing."""
        del row_context
        try:
            return RowKey(name, str(self.readers[name](read(name))))
        except ValueError:
            return None  # reading the row will say so

    @abstractmethod
    async def look_up(self, connection: Connection, caller: Caller, wanted: Wanted) -> References:
        """Answer what the rows refer to, in the caller's sight."""

    async def resolve_missing(
        self, database: Database, caller: Caller, wanted: Wanted, found: Found, job: Import, clock: Clock
    ) -> Found:
        """Do what the import says about companies that are not there."""
        del database, caller, clock
        if job.options.on_missing_company is not OnMissingCompany.IGNORE:
            return found
        left_out = dict.fromkeys(found.list_missing_companies(wanted))
        return replace(found, named={**found.named, "company": {**found.named.get("company", {}), **left_out}})

    @abstractmethod
    async def write_cells(
        self, connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], definitions: Definitions
    ) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        """Return an export's header, and these records as it writes them."""

    def complete(
        self, values: dict[str, Any], found: Found, read: Read, present: Mapping[str, str] | None, warn: Warn
    ) -> None:
        """Add what follows from the fields that a row sets. Raises InvalidField for what can't be together.

        `present`: how an export writes the row's record; None of a new one, empty where an earlier line has it too.
        """

    @abstractmethod
    def find_refusal(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return the field and the reason for which these values are no new record."""

    # How rows are written

    def gather_rows(self, found: Found, actor_id: UUID) -> ChunkRows:
        del found, actor_id
        return ChunkRows()

    async def write_new(
        self, transaction: Transaction, job: Import, found: Found, rows: Any, caller: Caller, count: int
    ) -> list[UUID | None]:
        """Write at once what can be; None for each row that stays behind, and is written as in a batch."""
        del transaction, job, found, rows, caller
        return [None] * count

    async def list_rows(self, transaction: Transaction, rows: Any, numbers: Sequence[int]) -> list[Mapping[str, Any]]:
        """Return these rows, in their order, each with its number, custom data and refusal."""
        del transaction
        return [rows[number] for number in numbers]

    @abstractmethod
    async def make_batch(
        self, transaction: Transaction, caller: Caller, clock: Clock, items: Sequence[BatchItem[NewT]]
    ) -> RecordBatch[RecordT, NewT]:
        """Return what writes the rows that must be looked at one by one."""

    def to_target(self, name: str, row: Mapping[str, Any], caller: Caller) -> Target:
        """Return what a row that names a unique property is looked for by, once more, when it is written."""
        del caller
        return Target(name, row[name])

    @abstractmethod
    def to_new(self, row: Mapping[str, Any], caller: Caller) -> NewT | Refusal: ...
    def to_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Return what a row changes, as the batch takes it."""
        return changes

    @abstractmethod
    def to_record(self, row: Mapping[str, Any]) -> RecordT: ...

    # How they are taken back

    @abstractmethod
    async def find_unique_owners(
        self, connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
    ) -> UniqueOwners: ...

    async def find_in_use(self, transaction: Transaction, tenant_id: UUID, record_ids: Sequence[UUID]) -> set[UUID]:
        """Return those of records made beside an import's own that others refer to by now."""
        del transaction, tenant_id, record_ids
        return set()

    @abstractmethod
    def read_stored(self, name: str, stored: Any) -> Any:
        """Read a value as the audit has kept it, in JSON."""

    async def load_context(self, transaction: Transaction, tenant_id: UUID, before: Sequence[Mapping[str, Any]]) -> Any:
        """Hold and read what `edit` needs to decide, before the records are locked, as who writes them otherwise does.

        `before`: of each record, the changes to be undone by field; some may be none by the time that it is locked.
        """
        del transaction, tenant_id, before
        return None

    @abstractmethod
    def edit(self, record: RecordT, changes: Mapping[str, Any], now: datetime, context: Any) -> Sequence[EventT]:
        """Return a record its values back. Raises InvalidField where it can't have them."""

    @abstractmethod
    def delete(self, record: RecordT, now: datetime) -> EventT: ...
    async def follow_up_revert(
        self, transaction: Transaction, tenant_id: UUID, happened: Sequence[EventT], now: datetime
    ) -> Sequence[EventT]:
        """Finish the records where that takes a look at others; leave out those that can't be written."""
        del transaction, tenant_id, now
        return happened

    async def conclude_revert(self, transaction: Transaction, actor: Actor, happened: Sequence[EventT]) -> None:
        """Write what belongs to the records beside them."""

    def get_record(self, event: EventT) -> RecordT:
        record: RecordT = getattr(event, self.aggregate)
        return record

    def list_new_fields(self) -> tuple[str, ...]:
        return field_names(self.new)


AnyAdapter = ImportAdapter[Any, Any, Any]
"""Each adapter is held to its own classes; whoever goes through them all knows none."""

Adapters = Mapping[ImportedType, AnyAdapter]
"""Those that one service keeps."""
