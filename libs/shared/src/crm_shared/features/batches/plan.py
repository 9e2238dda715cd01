"""What a batch is going to write, decided in memory: each item meets the records as the items before left them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from crm_shared.refusals import Conflict, Refusal


class HasId(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...


RecordT = TypeVar("RecordT", bound=HasId)
NewT = TypeVar("NewT")


class UniqueValue(NamedTuple):
    """A value that one living record at most may have, in the form that is compared: an address without case."""

    field: str
    value: str


class Target(NamedTuple):
    """How an item names the record it is about: `field` is `id` or a unique field, `value` as the item has it."""

    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class BatchItem(Generic[NewT]):
    """One item that is well formed.

    `target` None: it creates `new`. Otherwise it makes `changes` to the record that `target` names and, should there
    be none, creates `new`; without a `new` it is refused then. A Refusal as `new` is what creating it would answer.
    `unchanged`: read-only fields that came with the changes, and have to be what the record has.
    """

    index: int
    target: Target | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    new: NewT | Refusal | None = None
    unchanged: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Step(Generic[RecordT]):
    """Writes that may be made in any order: none takes a value that another of them gives up."""

    inserts: dict[UUID, RecordT] = field(default_factory=dict)
    saves: dict[UUID, RecordT] = field(default_factory=dict)
    freed: set[UniqueValue] = field(default_factory=set)


class Plan(Generic[RecordT]):
    """`records` are locked, `holders` says who has each unique value that an item names; both as they are now.

    `values_of` gives a record's unique values, `conflict_of` the refusal when another record has one.
    """

    def __init__(
        self,
        records: Mapping[UUID, RecordT],
        holders: Mapping[UniqueValue, UUID],
        *,
        values_of: Callable[[RecordT], Collection[UniqueValue]],
        conflict_of: Callable[[UniqueValue, UUID], Conflict],
    ) -> None:
        self.steps: list[Step[RecordT]] = [Step()]
        self._records = dict(records)
        self._holders = dict(holders)
        self._values_of = values_of
        self._conflict_of = conflict_of

    def find(self, record_id: UUID | None) -> RecordT | None:
        """Return the record as the items so far have left it, if it is the batch's to touch."""
        return None if record_id is None else self._records.get(record_id)

    def find_unique_owner(self, value: UniqueValue) -> UUID | None:
        return self._holders.get(value)

    def put(self, record: RecordT) -> None:
        """Take a new or changed record in. Raises the conflict when another has one of its unique values."""
        before = self._records.get(record.id)
        had, has = () if before is None else self._values_of(before), self._values_of(record)
        if had or has:
            self._pass_values_on(record.id, set(had), has)
        step = self.steps[-1]
        self._records[record.id] = record
        is_new = before is None or record.id in step.inserts
        (step.inserts if is_new else step.saves)[record.id] = record

    def _pass_values_on(self, record_id: UUID, had: set[UniqueValue], values: Collection[UniqueValue]) -> None:
        """Give the record its unique values, and up those that it has no more. Raises the conflict."""
        has = set(values)
        for value in values:
            holder_id = self._holders.get(value)
            if holder_id is not None and holder_id != record_id:
                raise self._conflict_of(value, holder_id)
        if (has - had) & self.steps[-1].freed:  # what gave the value up must be in the database before
            self.steps.append(Step())
        for value in had - has:
            self._holders.pop(value, None)  # no item has named it, so nobody looked who has it
        self.steps[-1].freed |= had - has
        self._holders |= dict.fromkeys(has, record_id)
