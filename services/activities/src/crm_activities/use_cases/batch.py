"""Use case: write many activities at once, their history included. What is decided is what single calls decide."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from crm_activities.activities import contacts, domain, events, repository
from crm_activities.activities.activity import Activity, NewActivity
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import (
    ActivityEvent,
    ActivityLogged,
    ActivityNotFound,
    DuplicateExternalId,
    NotYours,
)
from crm_activities.series.editing import Scope, place_edit
from crm_activities.threads import commands as threads
from crm_activities.threads.domain import DuplicateMessage
from crm_activities.use_cases.batch_references import ItemReferences, list_references
from crm_activities.use_cases.batch_threads import Placed, find_held, find_unique_owners, place, to_value
from crm_activities.use_cases.editing import hold_homes
from crm_shared.access import Caller, Permission
from crm_shared.access.directory import list_visible_owners
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import OutboxEvent
from crm_shared.database import RecordTable, Transaction, UnitOfWork
from crm_shared.features.batches import (
    BatchItem,
    Decided,
    Outcome,
    Plan,
    RecordBatch,
    Target,
    UniqueOwners,
    UniqueValue,
    write_batch,
)
from crm_shared.features.batches.records import TakenMeanwhile
from crm_shared.features.replicas.references import References
from crm_shared.refusals import Conflict, InvalidField, Refusal

MOST_ASKED: Final = 200
"""Records not heard of here yet that one batch may ask their owners about, one by one: what an import is ahead by."""


@dataclass(frozen=True, slots=True)
class ImportActivity:
    """An activity to be, as the caller sent it; `created_at` takes BACKDATE."""

    new: NewActivity
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class WriteActivities:
    """Well-formed items; `changes` of each are the fields that it named."""

    caller: Caller
    items: Sequence[BatchItem[ImportActivity]]


async def write_activities(
    command: WriteActivities, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[int, Outcome | Refusal]:
    """Carry out a batch, return what became of each item by its index. Raises Unavailable; then nothing is written."""
    # Before the transaction: an owner's answer may take its time, and a lock must not wait for it.
    named = list_references(list_named(command.items))
    found = await references.find(command.caller, named, most_asked=MOST_ASKED)
    read_only = await references.find_read_only(command.caller, found.records.values())
    held = ItemReferences(command.caller, found, read_only)
    items = [_name_user(item, command.caller) for item in command.items]
    async with unit_of_work.begin(command.caller) as transaction:
        return await write_batch(transaction, ActivityBatch(command.caller, held, clock), items)


def _name_user(item: BatchItem[ImportActivity], caller: Caller) -> BatchItem[ImportActivity]:
    """Let an item that names a message name whose: two users may have one each."""
    if item.target is None or item.target.field != "message_id":
        return item
    value = to_value(caller.tenant_id, item.target.value, item.changes.get("user_id") or caller.user_id)
    return replace(item, target=Target("message_id", value))


def list_named(items: Iterable[BatchItem[ImportActivity]]) -> Iterator[Mapping[str, Any] | NewActivity]:
    """Yield what may name references in each item: the fields of a change, and what is to be."""
    for item in items:
        if item.changes:
            yield item.changes
        if isinstance(item.new, ImportActivity):
            yield item.new.new


class ActivityBatch(RecordBatch[Activity, ImportActivity]):
    unique_fields: ClassVar[Sequence[str]] = ("external_id", "message_id")
    table: ClassVar[RecordTable] = ACTIVITY_TABLE

    def __init__(self, caller: Caller, references: ItemReferences, clock: Clock) -> None:
        super().__init__(caller.tenant_id)
        self._caller = caller
        self._references = references
        self._now = clock.now()
        self._homes: dict[UUID, UUID] | None = None
        self._repeated: Mapping[UUID, str | None] = {}
        self._owners: Collection[UUID] | None = None
        self._answerable: Collection[UUID] = ()
        self._parents: Mapping[UUID, UUID | None] = {}
        self._plan: Plan[Activity] | None = None
        self._seen_records: Collection[UUID] = ()
        self._locked: Mapping[UUID, Activity] = {}
        self._happened: dict[tuple[UUID, int], ActivityEvent] = {}

    async def look(self, transaction: Transaction, items: Sequence[BatchItem[ImportActivity]]) -> Plan[Activity]:
        """Hold what is answered first, then contacts, then activities: others lock in this order too."""
        self._homes, self._locked, self._happened = None, {}, {}
        if any(_concerns_threads(item) for item in items):
            await threads.lock(transaction, self.tenant_id)
        self._plan = await super().look(transaction, items)
        return self._plan

    async def find_unique_owners(self, transaction: Transaction, named: Mapping[str, Collection[str]]) -> UniqueOwners:
        ids = await repository.find_external_ids(transaction, self.tenant_id, named["external_id"])
        messages = await find_unique_owners(transaction, self.tenant_id, named["message_id"])
        holders = {UniqueValue("external_id", value): held_by for value, held_by in ids.items()}
        return UniqueOwners(
            ids=holders | {UniqueValue("message_id", value): held_by for value, held_by in messages.items()}
        )

    async def find_seen(self, transaction: Transaction, record_ids: Collection[UUID]) -> Collection[UUID]:
        return await repository.find_seen_activities(transaction, self._caller, record_ids)

    async def lock(
        self, transaction: Transaction, record_ids: Collection[UUID], compared: dict[UniqueValue, UniqueValue]
    ) -> list[Activity]:
        del compared  # an external id is compared as it is
        homes = await self._hold(transaction, await repository.find_contacts(transaction, self.tenant_id, record_ids))
        locked = await repository.lock_many(transaction, self.tenant_id, record_ids)
        records = [record for record, _ in locked]
        if any({*record.contact_ids, *contacts.list_given(record)} - homes.keys() for record in records):
            raise TakenMeanwhile  # it got other contacts before we had it
        self._locked = {record.id: record for record in records}
        self._repeated = {record.id: record.external_id for record, is_repeated in locked if is_repeated}
        owners = await list_visible_owners(transaction, self._caller)
        others = [record.id for record in records if owners is not None and record.user_id not in owners]
        self._seen_records = await repository.find_seen_activities(transaction, self._caller, others) if others else ()
        return records

    async def _hold(self, transaction: Transaction, contact_ids: Collection[UUID]) -> dict[UUID, UUID]:
        self._homes = await hold_homes(
            transaction, self.tenant_id, frozenset((*contact_ids, *self._references.contact_ids))
        )
        return self._homes

    async def load_references(self, transaction: Transaction, items: Sequence[BatchItem[ImportActivity]]) -> None:
        if self._homes is None:
            await self._hold(transaction, ())
        await self._find_messages(transaction, items)
        self._owners = await list_visible_owners(transaction, self._caller)
        edited = {one for item in items if (one := item.changes.get("in_reply_to")) is not None}
        new = {
            one
            for item in items
            if isinstance(item.new, ImportActivity) and (one := item.new.new.in_reply_to) is not None
        }
        if edited or new:
            self._answerable = await repository.find_seen_activities(transaction, self._caller, edited | new)
        self._parents = await repository.list_parents(transaction, self.tenant_id, edited) if edited else {}

    async def _find_messages(self, transaction: Transaction, items: Sequence[BatchItem[ImportActivity]]) -> None:
        """Look who has the messages that edits may make their users': any that is named, of any who is named.

        What an item makes of a record follows from the items before, and whether these are refused.
        """
        if all({"message_id", "user_id"}.isdisjoint(item.changes) for item in items):
            return
        named: list[Activity | NewActivity] = [*self._locked.values()]
        named += [item.new.new for item in items if isinstance(item.new, ImportActivity)]
        messages = {one.message_id for one in named} | {item.changes.get("message_id") for item in items}
        users = {one.user_id for one in named} | {item.changes.get("user_id") for item in items}
        users.add(self._caller.user_id)
        holders = await find_held(
            transaction, self.tenant_id, [one for one in messages if one], [one for one in users if one]
        )
        found = {UniqueValue("message_id", value): holder_id for value, holder_id in holders.items()}
        self._holders.ids.update(found)
        seen = await self.find_seen(transaction, set(found.values())) if found else ()
        self._unseen = self._unseen.union(found.values()).difference(seen)

    def find(self, item: BatchItem[ImportActivity], plan: Plan[Activity]) -> Activity | None:
        """Look for a message of those alone whose records the caller sees: that another has it would tell of them."""
        if item.target is not None and item.target.field == "message_id":
            self._references.require_owner(item.changes.get("user_id"), self._owners)
        return super().find(item, plan)

    def require_right(self, record: Activity) -> None:
        if self._owners is not None and record.user_id not in self._owners:
            raise NotYours if record.id in self._seen_records else ActivityNotFound

    def create(self, new: ImportActivity) -> Decided[Activity]:
        if new.created_at is not None:
            self._caller.require(Permission.BACKDATE, "say when an activity was logged")
            if new.created_at > self._now:
                raise InvalidField.at("/created_at", "lies in the future")
        sent = new.new
        if sent.recurrence is not None:
            raise InvalidField.at("/recurrence", "begins a series by a call of its own, not in a batch")
        placed = self._references.place_new(sent, self._require_homes())
        self._require_visible(sent.user_id, sent.in_reply_to)
        settled = {**placed, "user_id": sent.user_id or self._caller.user_id}
        at = new.created_at or self._now
        decision = domain.log(new_id(), sent, now=at, settled=settled)
        if at != self._now:
            logged = replace(decision.activity, updated_at=self._now)
            decision = domain.Decision(logged, (ActivityLogged(logged, at=at),))
        return self._to_decided(decision)

    def edit(self, record: Activity, changes: Mapping[str, Any]) -> Decided[Activity]:
        fields = self._references.resolve(record, changes, self._require_homes())
        fields = place_edit(record, fields, Scope.THIS, None, series_id=record.id)
        decision = domain.edit(record, fields, now=self._now)
        edited = decision.activity
        answered = None if edited.in_reply_to == record.in_reply_to else edited.in_reply_to
        self._require_visible(None if edited.user_id == record.user_id else edited.user_id, answered)
        if answered is not None:
            domain.require_no_circle(record.id, self._walk(answered))
        return self._to_decided(decision)

    def _to_decided(self, decision: domain.Decision) -> Decided[Activity]:
        after = decision.activity
        self._happened |= {(after.id, event.activity.version): event for event in decision.events}
        return Decided(after, events.MAPPING.to_wire(decision.events, by=self._caller))

    async def resolve(
        self, transaction: Transaction, plan: Plan[Activity], wire: list[OutboxEvent]
    ) -> list[OutboxEvent]:
        """Return e-mails their threads, in the records and in what is told of them."""
        return await place(transaction, self._caller, plan, Placed(self._locked, self._happened), wire, self._now)

    def _walk(self, activity_id: UUID | None) -> list[UUID]:
        """Return what is answered, step by step, as the items so far have left it: what was refused is in no plan."""
        answered: list[UUID] = []
        while activity_id is not None and len(answered) < domain.MOST_ANSWERED:
            answered.append(activity_id)
            planned = None if self._plan is None else self._plan.find(activity_id)
            activity_id = self._parents.get(activity_id) if planned is None else planned.in_reply_to
        return answered

    def _require_visible(self, user_id: UUID | None, in_reply_to: UUID | None) -> None:
        """Refuse what only this service knows to be out of sight. Raises UnknownReference."""
        self._references.require_owner(user_id, self._owners)
        self._references.require_answerable(in_reply_to, self._answerable)

    def _require_homes(self) -> Mapping[UUID, UUID]:
        return self._homes or {}

    def read_value(self, record: Activity, name: str) -> str | None:
        """Leave out an external id by which another activity goes, from before that was forbidden."""
        if name == "message_id":
            return to_value(self.tenant_id, record.message_id, record.user_id)
        value = super().read_value(record, name)
        return None if value is not None and self._repeated.get(record.id) == value else value

    def refuse_absent(self) -> Refusal:
        return ActivityNotFound()

    def to_conflict(self, value: UniqueValue, holder_id: UUID | None) -> Conflict:
        return DuplicateMessage(holder_id) if value.field == "message_id" else DuplicateExternalId(holder_id)

    def to_state(self, record: Activity) -> Mapping[str, Any]:
        return events.to_state(record)

    def read_new(self, new: ImportActivity, name: str) -> Any:
        """Return a message as its user's."""
        if name == "message_id":
            return to_value(self.tenant_id, new.new.message_id, new.new.user_id or self._caller.user_id)
        return getattr(new.new, name)

    def read_changed(self, changes: Mapping[str, Any], name: str) -> str | None:
        """Leave out messages: whose they become is told by the record."""
        return None if name == "message_id" else super().read_changed(changes, name)


def _concerns_threads(item: BatchItem[ImportActivity]) -> bool:
    is_new = isinstance(item.new, ImportActivity) and threads.concerns(item.new.new)
    return is_new or (item.target is not None and threads.concerns(item.changes.keys()))
