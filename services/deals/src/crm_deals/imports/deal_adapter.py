"""Deals, as files bring them in."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from crm_deals.deals import domain, events, repository
from crm_deals.deals.batch import DealBatch, ImportDeal, list_references
from crm_deals.deals.columns import DEAL_TABLE
from crm_deals.deals.commands import CreateDeal
from crm_deals.deals.domain import Deal, DealEvent, DealStatus
from crm_deals.deals.editing import apply_changes, fit_amount
from crm_deals.exports import files
from crm_deals.imports.history import MOMENTS, place_history
from crm_deals.imports.names import NAMES, REFERENCES
from crm_deals.imports.places import Places, load_places
from crm_deals.imports.values import READERS
from crm_deals.pipelines import repository as pipelines
from crm_deals.pipelines.domain import Stage, StageKind
from crm_shared.access import Caller, Permission
from crm_shared.access.active_users import find_active
from crm_shared.clock import Clock
from crm_shared.contracts import Actor
from crm_shared.database import Connection, Database, Transaction
from crm_shared.features.batches import BatchItem, UniqueOwners, UniqueValue
from crm_shared.features.custom_fields import Definitions, EntityType
from crm_shared.features.imports.adapter import ImportAdapter, Read, Warn
from crm_shared.features.imports.domain import Import, OnMissingCompany
from crm_shared.features.imports.prepare.owners import find_owners
from crm_shared.features.imports.references import (
    COMPANY,
    MAX_COMPANY_TEXT,
    NO_COMPANY,
    Found,
    NameKey,
    References,
    Wanted,
    key_by_text,
)
from crm_shared.features.imports.value_forms import ValueKind, split_cell
from crm_shared.features.imports.values import MAX_SHORT_TEXT, find_id
from crm_shared.features.replicas.canonical import lock_canonical
from crm_shared.features.replicas.lookup import find_named, find_seen_ids
from crm_shared.features.replicas.references import find_known
from crm_shared.record_fields import field_names
from crm_shared.refusals import InvalidField

FIND: Final = """
        SELECT w.number, d.id, d.owner_id, d.contact_id
          FROM wanted w JOIN deals d ON d.tenant_id = $1 AND d.id = w.id AND d.deleted_at IS NULL
         UNION ALL
        SELECT w.number, d.id, d.owner_id, d.contact_id
          FROM wanted w JOIN deals d ON d.tenant_id = $1 AND d.external_id = w.value AND d.deleted_at IS NULL
         WHERE w.field = 'external_id'"""

_COMMAND_FIELDS: Final = tuple(name for name in field_names(CreateDeal) if name not in {"caller", "custom_data"})


@dataclass(frozen=True, slots=True)
class _RowContext:
    """`zone`: of moments that name none. `may_backdate`: whether the importer may say when a deal was made."""

    places: Places
    zone: str
    may_backdate: bool


@dataclass(frozen=True, slots=True)
class _Restoring:
    """What taking back decides by: stages by id, held as they are, and where contacts live on."""

    stages: Mapping[UUID, Stage]
    canonical: Mapping[UUID, UUID]


class DealAdapter(ImportAdapter[Deal, ImportDeal, DealEvent]):
    records = "deals"
    alias = "d"
    record = Deal
    new = CreateDeal
    table = DEAL_TABLE
    names = NAMES
    readers = READERS
    forms: ClassVar[Mapping[str, ValueKind]] = {
        "amount": ValueKind.NUMBER,
        "close_date": ValueKind.DAY,
        **dict.fromkeys(MOMENTS, ValueKind.MOMENT),
    }
    references: ClassVar[Mapping[str, str]] = REFERENCES
    id_properties = ("external_id", "id")
    match_properties = ("id", "external_id")
    naming = ("external_id", "name")
    unique_fields = ("external_id",)
    conflicts: ClassVar[Mapping[str, str]] = {"duplicate-external-id": "external_id"}
    set_by: ClassVar[Mapping[str, str]] = {"changed_at": "closed_at"}
    find = FIND
    shared_by = "r.contact_id"
    # They follow from the stage, or from a merge of the contact.
    not_restored = frozenset(
        {
            "deleted_at", "created_at", "pipeline_id", "stage_name", "status", "stage_changed_at", "closed_at",
            "original_contact_id",
        }
    )  # fmt: skip
    entity_type = EntityType.DEAL
    mapping = events.MAPPING

    def split_names(self, name: str, text: str) -> Sequence[str]:
        """Part the contacts that HubSpot has in one cell; a deal gets the first."""
        return split_cell(text, 1) if name == "contact" else (text,)

    def make_name_key(self, name: str, text: str, read: Read) -> NameKey:
        return (text, read("pipeline_id"), read("pipeline")) if name == "stage" else (text,)

    async def look_up(self, connection: Connection, caller: Caller, wanted: Wanted) -> References:
        places = await load_places(connection, caller.tenant_id)
        owners = await find_owners(connection, caller.tenant_id, wanted.list_texts("owner"))
        contacts = await find_named(connection, caller, "contact", wanted.list_texts("contact"))
        companies = await find_named(connection, caller, "company", wanted.list_texts("company"))
        return References(
            ids={
                "owner_id": await find_active(connection, caller, wanted.ids.get("owner_id", ())),
                "pipeline_id": places.list_pipelines(),
                "stage_id": places.list_stages(),
                "contact_id": await find_seen_ids(connection, caller, "contact", wanted.ids.get("contact_id", ())),
                "company_id": await find_seen_ids(connection, caller, "company", wanted.ids.get("company_id", ())),
            },
            named={
                "owner": key_by_text(owners),
                "contact": key_by_text(contacts),
                "company": key_by_text(companies),
                "pipeline": places.find_pipelines(wanted.names.get("pipeline", ())),
                "stage": places.find_stages(wanted.names.get("stage", ())),
            },
            row_context=_RowContext(places, caller.time_zone, caller.can(Permission.BACKDATE)),
        )

    async def resolve_missing(
        self, database: Database, caller: Caller, wanted: Wanted, found: Found, job: Import, clock: Clock
    ) -> Found:
        """Take what was settled of the names when the file was taken in: a worker can make no company."""
        if job.options.on_missing_company is not OnMissingCompany.CREATE:
            return await super().resolve_missing(database, caller, wanted, found, job, clock)
        missing = found.list_missing_companies(wanted)
        settled = dict.fromkeys(missing) if job.dry_run else {key: _find_settled(job, key) for key in missing}
        return replace(found, named={**found.named, COMPANY: {**found.named.get(COMPANY, {}), **settled}})

    async def write_cells(
        self, connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], definitions: Definitions
    ) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        headers = files.list_headers(definitions)
        return headers, await files.to_lines(connection, caller, rows, headers)

    def complete(
        self, values: dict[str, Any], found: Found, read: Read, present: Mapping[str, str] | None, warn: Warn
    ) -> None:
        """Go by the status where the stage does not say it: other products close a deal in whatever stage it is."""
        row_context: _RowContext = found.row_context
        self._choose_stage(values, row_context.places, read, present)
        place_history(
            values,
            row_context.places,
            present,
            warn,
            zone=row_context.zone,
            may_backdate=row_context.may_backdate,
            now=found.now,
        )

    def _choose_stage(
        self, values: dict[str, Any], places: Places, read: Read, present: Mapping[str, str] | None
    ) -> None:
        status = values.pop("status", None) or _find_closed(read, present)
        if present and "stage_id" in values and not any(map(read, ("pipeline", "pipeline_id", "stage_id"))):
            # Pipelines share their stages' names: a deal that is there stays in its own, if that has such a stage.
            own_id = places.find_within(find_id(present.get("pipeline_id", "")), read("stage"))
            values["stage_id"] = own_id or values["stage_id"]
        if status is None:
            return
        stage_id = values.get("stage_id")
        if stage_id is None and present is not None:
            # The stage in which the deal is already: to name it is no change, but its status may be one.
            stage_id = find_id(present.get("stage_id", ""))
            if stage_id is None:
                raise InvalidField.at(
                    "/status", "takes a stage beside it: an earlier line of the file has the deal too"
                )
        kind = StageKind.OPEN if stage_id is None else places.find_kind(stage_id)
        if kind == status:
            return
        if kind is None:
            raise InvalidField.at("/status", "the deal's pipeline was put away")
        if status == DealStatus.OPEN:
            raise InvalidField.at("/status", "is OPEN, its stage is not")
        pipeline_id = values.get("pipeline_id")
        if pipeline_id is None and present is not None and present.get("status") == status:
            values.pop("stage_id", None)  # it was closed so before, in whichever stage that says it
            return
        pipeline_id = pipeline_id or (None if stage_id is None else places.find_pipeline_of(stage_id))
        values["stage_id"] = places.require_first(pipeline_id, StageKind(status))

    def find_refusal(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        return None if "name" in values else ("name", "is required")

    async def make_batch(
        self, transaction: Transaction, caller: Caller, clock: Clock, items: Sequence[BatchItem[ImportDeal]]
    ) -> DealBatch:
        return DealBatch(caller, await find_known(transaction, caller, list_references(items)), clock)

    def to_new(self, row: Mapping[str, Any], caller: Caller) -> ImportDeal:
        fields: dict[str, Any] = {name: row.get(name) for name in _COMMAND_FIELDS}
        command = CreateDeal(**fields, caller=caller, custom_data=row["custom_data"])
        return ImportDeal(command, row.get("created_at"), row.get("closed_at"))

    def to_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Leave out when a deal was made, where an earlier line of the file has made it."""
        return {name: value for name, value in changes.items() if name not in MOMENTS}

    def to_record(self, row: Mapping[str, Any]) -> Deal:
        return repository.to_deal(row)

    async def find_unique_owners(
        self, connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
    ) -> UniqueOwners:
        ids = await repository.find_external_ids(connection, tenant_id, named["external_id"])
        return UniqueOwners(ids={UniqueValue("external_id", value): deal_id for value, deal_id in ids.items()})

    def read_stored(self, name: str, stored: Any) -> Any:
        if stored is None:
            return None
        if name in REFERENCES.values():
            return UUID(stored)
        if name == "amount":
            return Decimal(str(stored))
        return date.fromisoformat(stored) if name == "close_date" else stored

    async def load_context(
        self, transaction: Transaction, tenant_id: UUID, before: Sequence[Mapping[str, Any]]
    ) -> _Restoring:
        contact_ids = {UUID(had) for one in before if (had := one.get("contact_id", {}).get("from")) is not None}
        canonical = await lock_canonical(transaction, [(tenant_id, contact_id) for contact_id in contact_ids])
        held = await pipelines.hold_all_stages(transaction, tenant_id)
        return _Restoring(
            {each.stage.id: each.stage for each in held if not each.archived},
            {contact_id: canonical_id for (_, contact_id), canonical_id in canonical.items()},
        )

    def edit(self, record: Deal, changes: Mapping[str, Any], now: datetime, context: _Restoring) -> Sequence[DealEvent]:
        fields = fit_amount(record, changes)
        stage_id = fields.pop("stage_id", None)
        if fields.get("contact_id") is not None:
            fields["contact_id"] = context.canonical[fields["contact_id"]]
        stages = None
        if stage_id is not None:
            if stage_id not in context.stages or record.stage_id not in context.stages:
                raise InvalidField.at("/stage_id", "is not there any more")
            stages = context.stages[record.stage_id], context.stages[stage_id]
        elif record.status is not DealStatus.LOST:
            fields.pop("lost_reason", None)
        at = max(now, record.stage_changed_at)
        return apply_changes(record, fields, stages, at=at, now=now).events

    def delete(self, record: Deal, now: datetime) -> DealEvent:
        return domain.delete(record, now=now)

    async def conclude_revert(self, transaction: Transaction, actor: Actor, happened: Sequence[DealEvent]) -> None:
        await repository.record_history(transaction, actor.tenant_id, actor.user_id, happened)


def _find_settled(job: Import, key: NameKey) -> UUID | str:
    """Return the company that contacts gave for a name, or why there is none; deleted meanwhile, it is not there."""
    text = str(key[0])
    if len(text) > MAX_COMPANY_TEXT:
        return f"can't be made: should have at most {MAX_SHORT_TEXT} characters"
    company = job.options.companies.get(text, NO_COMPANY)
    return find_id(company) or company


def _find_closed(read: Read, present: Mapping[str, str] | None) -> DealStatus | None:
    """Return the status of a closed deal of which the row says just that, beside whatever stage.

    Not where the row knows our stages by id, as our exports do: whoever edits the stage there leaves the rest as it is.
    """
    status = "" if present is None else present.get("status", "")
    is_given = status in {DealStatus.WON, DealStatus.LOST} and read("status") == status and not read("stage_id")
    return DealStatus(status) if is_given else None
