"""Activities, as files bring them in."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from crm_activities.activities import contacts, domain, events, repository
from crm_activities.activities.activity import Activity, ActivityType, CallOutcome, Direction, NewActivity, TaskPriority
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import ActivityEdited, ActivityEvent
from crm_activities.activities.visibility import add_seen
from crm_activities.exports import files
from crm_activities.imports.names import NAMES, REFERENCES
from crm_activities.imports.planning import complete
from crm_activities.imports.values import LIST_READERS, READERS
from crm_activities.threads import commands as threads
from crm_activities.use_cases.batch import ActivityBatch, ImportActivity, list_named
from crm_activities.use_cases.batch_references import ItemReferences, list_references
from crm_activities.use_cases.batch_threads import to_value
from crm_shared.access import Caller
from crm_shared.access.active_users import find_active
from crm_shared.clock import Clock
from crm_shared.database import Connection, Transaction, Where
from crm_shared.features.batches import BatchItem, Target, UniqueOwners, UniqueValue
from crm_shared.features.custom_fields import Definitions
from crm_shared.features.imports.adapter import ImportAdapter, Read, Warn
from crm_shared.features.imports.domain import OnMissingCompany
from crm_shared.features.imports.prepare.owners import find_owners
from crm_shared.features.imports.references import Found, References, RowKey, Wanted, key_by_text
from crm_shared.features.imports.value_forms import ValueKind, split_cell
from crm_shared.features.replicas.canonical import lock_canonical
from crm_shared.features.replicas.lookup import find_named, find_seen_ids
from crm_shared.features.replicas.references import find_known, find_read_only
from crm_shared.record_fields import field_names
from crm_shared.refusals import InvalidField

# A message is looked for as its user's: named in the row by address, name or id, else the caller. The keys are made
# before the join: under row-level security a comparison with a function's result can't use an index.
FIND: Final = """
        SELECT w.number, a.id, NULL::uuid AS user_id, NULL AS named
          FROM wanted w JOIN activities a ON a.tenant_id = $1 AND a.id = w.id AND a.deleted_at IS NULL
         UNION ALL
        SELECT w.number, a.id, NULL, NULL
          FROM wanted w JOIN activities a ON a.tenant_id = $1 AND a.external_id = w.value AND a.deleted_at IS NULL
                                         AND NOT a.external_id_repeated
         WHERE w.field = 'external_id'
         UNION ALL
        (SELECT DISTINCT ON (m.number, a.user_id) m.number, a.id, a.user_id, m.named
           FROM (SELECT w.number, w.first_key AS named, message_key($1, w.value) AS key
                   FROM wanted w WHERE w.field = 'message_id' OFFSET 0) AS m
           JOIN thread_links l ON l.tenant_id = $1 AND l.key = m.key AND l.position = 0
           JOIN activities a ON a.tenant_id = $1 AND a.id = l.activity_id AND a.deleted_at IS NULL
                            AND a.message_id IS NOT NULL
           JOIN directory_users u ON u.tenant_id = $1 AND u.id = a.user_id
          WHERE m.named IN ('', u.id::text, fold_case(u.email), fold_case(u.full_name))
          ORDER BY m.number, a.user_id, a.id)"""

_NEW_FIELDS: Final = frozenset(field_names(NewActivity))
_STORED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": ActivityType,
    "direction": Direction,
    "outcome": CallOutcome,
    "priority": TaskPriority,
    **dict.fromkeys(("scheduled_at", "completed_at", "occurred_at", "remind_at"), datetime.fromisoformat),
    **dict.fromkeys(("deal_id", "user_id", "in_reply_to"), UUID),
    "scheduled_on": date.fromisoformat,
}
"""How the audit's JSON is read."""
# Where a contact lives on follows from its merges.
_PLACED: Final = frozenset({"contact_id", "original_contact_id", "original_contact_ids"})


@dataclass(frozen=True, slots=True)
class _Restoring:
    """What taking back decides by: where contacts live on, held so."""

    canonical: Mapping[UUID, UUID]


class ActivityAdapter(ImportAdapter[Activity, ImportActivity, ActivityEvent]):
    records = "activities"
    alias = "a"
    record = Activity
    new = NewActivity
    table = ACTIVITY_TABLE
    names = NAMES
    readers = READERS
    list_readers = LIST_READERS
    forms: ClassVar[Mapping[str, ValueKind]] = {
        **dict.fromkeys(("date", "occurred_at", "scheduled_at", "end", "completed_at", "remind_at"), ValueKind.MOMENT),
        "scheduled_on": ValueKind.DAY,
        "contact_ids": ValueKind.VALUES,
        "reference_ids": ValueKind.VALUES,
    }
    references: ClassVar[Mapping[str, str]] = REFERENCES
    several: ClassVar[Mapping[str, str]] = {"contact": "contact_ids"}
    people = "user"
    id_properties = ("external_id", "message_id", "id")
    match_properties = ("id", "external_id", "message_id")
    naming = ("external_id", "message_id", "subject")
    unique_fields = ("external_id",)
    conflicts: ClassVar[Mapping[str, str]] = {
        "duplicate-external-id": "external_id",
        "duplicate-message": "message_id",
    }
    find = FIND
    not_restored = _PLACED | {
        "deleted_at", "created_at", "erased_at", "thread_id", "reminded_at", "series_id", "recurrence",
        "recurrence_id", "system", "system_kind", "facts",
    }  # fmt: skip
    on_missing_company = (OnMissingCompany.FAIL,)
    entity_type = None
    mapping = events.MAPPING

    def add_visibility(self, where: Where, caller: Caller) -> Where:
        """And of messages the caller's own, where the row does not name whose."""
        return add_seen(where, caller, "r.id").add("(r.named IS DISTINCT FROM '' OR r.user_id = {})", caller.user_id)

    def make_row_key(self, name: str, read: Read, row_context: Any) -> RowKey | None:
        key = super().make_row_key(name, read, row_context)
        if key is None or name != "message_id":
            return key
        return RowKey(name, key.value, read("user_id") or read("user"))

    def to_target(self, name: str, row: Mapping[str, Any], caller: Caller) -> Target:
        if name != "message_id":
            return super().to_target(name, row, caller)
        return Target(name, to_value(caller.tenant_id, row[name], row.get("user_id") or caller.user_id))

    def split_names(self, name: str, text: str) -> Sequence[str]:
        """Part the contacts of an activity, as HubSpot has them in one cell."""
        return split_cell(text, contacts.MOST_CONTACTS) if name == "contact" else (text,)

    async def look_up(self, connection: Connection, caller: Caller, wanted: Wanted) -> References:
        users = await find_owners(connection, caller.tenant_id, wanted.list_texts("user"))
        named_contacts = await find_named(connection, caller, "contact", wanted.list_texts("contact"))
        deals = await find_named(connection, caller, "deal", wanted.list_texts("deal"))
        return References(
            ids={
                "user_id": await find_active(connection, caller, wanted.ids.get("user_id", ())),
                "contact_id": await find_seen_ids(connection, caller, "contact", wanted.ids.get("contact_id", ())),
                "deal_id": await find_seen_ids(connection, caller, "deal", wanted.ids.get("deal_id", ())),
            },
            named={
                "user": key_by_text(users),
                "contact": key_by_text(named_contacts),
                "deal": key_by_text(deals),
            },
            row_context=caller.time_zone,
        )

    async def write_cells(
        self, connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], definitions: Definitions
    ) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        del definitions
        return files.COLUMNS, await files.to_lines(connection, caller, rows, files.COLUMNS)

    def complete(
        self, values: dict[str, Any], found: Found, read: Read, present: Mapping[str, str] | None, warn: Warn
    ) -> None:
        del read
        complete(values, found, found.row_context, present, warn)

    def find_refusal(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        return None if "type" in values else ("type", "is required")

    async def make_batch(
        self, transaction: Transaction, caller: Caller, clock: Clock, items: Sequence[BatchItem[ImportActivity]]
    ) -> ActivityBatch:
        found = await find_known(transaction, caller, list_references(list_named(items)))
        read_only = await find_read_only(transaction, caller, list(found.records.values()))
        return ActivityBatch(caller, ItemReferences(caller, found, read_only), clock)

    def to_new(self, row: Mapping[str, Any], caller: Caller) -> ImportActivity | InvalidField:
        del caller
        if row.get("type") is None:  # the batch takes it for changes alone, or the row has been refused for it
            return InvalidField.at("/type", "is required")
        return ImportActivity(NewActivity(**{name: row[name] for name in _NEW_FIELDS & row.keys()}), None)

    def to_record(self, row: Mapping[str, Any]) -> Activity:
        return repository.to_activity(row)

    async def find_unique_owners(
        self, connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
    ) -> UniqueOwners:
        ids = await repository.find_external_ids(connection, tenant_id, named["external_id"])
        return UniqueOwners(ids={UniqueValue("external_id", value): held_by for value, held_by in ids.items()})

    def read_stored(self, name: str, stored: Any) -> Any:
        if name == "contact_ids":
            return tuple(map(UUID, stored or ()))
        if name in repository.SEQUENCES:
            return tuple(stored or ())
        read = _STORED.get(name)
        return stored if read is None or stored is None else read(stored)

    async def load_context(
        self, transaction: Transaction, tenant_id: UUID, before: Sequence[Mapping[str, Any]]
    ) -> _Restoring:
        """Hold threads, then contacts: who writes activities otherwise holds both in this order, and then these."""
        if any(threads.concerns(one.keys()) for one in before):
            await threads.lock(transaction, tenant_id)
        had = {UUID(one) for each in before for one in each.get("contact_ids", {}).get("from") or ()}
        canonical = await lock_canonical(transaction, [(tenant_id, contact_id) for contact_id in had])
        return _Restoring({contact_id: canonical_id for (_, contact_id), canonical_id in canonical.items()})

    def edit(
        self, record: Activity, changes: Mapping[str, Any], now: datetime, context: _Restoring
    ) -> Sequence[ActivityEvent]:
        if not changes:
            return ()
        if record.system or record.erased_at is not None:
            raise InvalidField.at("/type", "was erased since, or is the system's")
        fields = {name: value for name, value in changes.items() if name != "contact_ids"}
        if "contact_ids" in changes:
            fields |= contacts.place(changes["contact_ids"], context.canonical)
        return domain.edit(record, fields, now=now).events

    def delete(self, record: Activity, now: datetime) -> ActivityEvent:
        [event] = domain.delete(record, now=now).events
        return event

    async def follow_up_revert(
        self, transaction: Transaction, tenant_id: UUID, happened: Sequence[ActivityEvent], now: datetime
    ) -> Sequence[ActivityEvent]:
        """Return e-mails their threads again; one whose user has the message elsewhere by now stays as it is."""
        edited = [event for event in happened if isinstance(event, ActivityEdited)]
        changes = [threads.Change(event.before, event.activity) for event in edited]
        taken = await threads.find_repeated(transaction, tenant_id, changes)
        kept = [change for change in changes if change.after.id not in taken]
        placed = {one.id: one for one in await threads.settle(transaction, tenant_id, kept, now)}
        others = [event for event in happened if not isinstance(event, ActivityEdited)]
        again = [event for event in edited if event.activity.id in placed]
        return [*others, *(ActivityEdited(placed[event.activity.id], event.before, event.at) for event in again)]
