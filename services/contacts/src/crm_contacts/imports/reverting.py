"""Takes an import back, chunk by chunk from its last: what nobody has touched since is as it was before.

An edit since is a change that neither the import nor its taking back has made: record_changes tells, by the moments
that both have noted.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from crm_contacts.companies import domain as companies
from crm_contacts.companies import events as company_events
from crm_contacts.companies import holders as company_holders
from crm_contacts.companies.repository import COMPANY_COLUMNS, COMPANY_TABLE, to_company
from crm_contacts.contacts import domain as contacts
from crm_contacts.contacts import events as contact_events
from crm_contacts.contacts import holders as contact_holders
from crm_contacts.contacts.repository import CONTACT_COLUMNS, CONTACT_TABLE, to_contact
from crm_contacts.imports import domain, repository
from crm_contacts.imports.domain import Import, ImportedType, ImportNotFound, ImportStatus, Revert
from crm_shared.batches import UniqueValue
from crm_shared.clock import Clock
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.custom_fields import Definitions, EntityType, load_definitions
from crm_shared.database import Database, RecordTable, Transaction
from crm_shared.database.outages import is_contended
from crm_shared.publishing import publish
from crm_shared.refusals import InvalidField

logger = structlog.get_logger(__name__)
ATTEMPTS: Final = 5

LIST_MOMENTS: Final = """
    SELECT c.written_at, c.reverted_at FROM import_chunks c WHERE c.tenant_id = $1 AND c.import_id = $2
"""
LAST_CHUNK: Final = """
    SELECT c.number, c.created_ids, c.updated_ids, c.updated_versions
      FROM import_chunks c
     WHERE c.tenant_id = $1 AND c.import_id = $2 AND c.reverted_at IS NULL
     ORDER BY c.number DESC
     LIMIT 1
"""
CONCLUDE_CHUNK: Final = """
    UPDATE import_chunks SET reverted_at = $4 WHERE tenant_id = $1 AND import_id = $2 AND number = $3
"""

# From the import's own version on: that one has what was before, the later ones who has touched the record since.
LIST_CHANGES: Final = """
    SELECT r.record_id, r.version, r.changed, r.changed_at
      FROM unnest($3::uuid[], $4::bigint[]) AS written (id, version)
      JOIN record_changes r ON r.tenant_id = $1 AND r.aggregate = $2 AND r.record_id = written.id
                           AND r.version >= written.version
"""

_UUID_FIELDS: Final = frozenset({"company_id", "owner_id"})
# What follows from other fields, or is no field that an import sets.
_NOT_RESTORED: Final = frozenset({"shares", "deleted_at", "merged_into", "erased_at", "created_at"})


Passing = Callable[[Import], AbstractAsyncContextManager[None]]
"""Waits until the import may write its next chunk, and keeps its place while in the block."""


@dataclass(frozen=True, slots=True)
class RecordKind:
    """What is particular to one type of record."""

    aggregate: str
    select: str
    to_record: Callable[[Mapping[str, Any]], Any]
    domain: Any
    events: Any
    holders: Any
    table: RecordTable


KINDS: Final[Mapping[ImportedType, RecordKind]] = {
    ImportedType.CONTACT: RecordKind(
        "contact",
        "SELECT" + CONTACT_COLUMNS + "FROM contacts c WHERE c.tenant_id = $1 AND c.id = ANY ($2) ORDER BY c.id"
        " FOR NO KEY UPDATE OF c",
        to_contact,
        contacts,
        contact_events,
        contact_holders,
        CONTACT_TABLE,
    ),
    ImportedType.COMPANY: RecordKind(
        "company",
        "SELECT" + COMPANY_COLUMNS + "FROM companies c WHERE c.tenant_id = $1 AND c.id = ANY ($2) ORDER BY c.id"
        " FOR NO KEY UPDATE OF c",
        to_company,
        companies,
        company_events,
        company_holders,
        COMPANY_TABLE,
    ),
}


@dataclass(frozen=True, slots=True)
class _Written:
    """One record as the import's chunk has left it, and what became of it since."""

    record: Any
    is_new: bool
    before: Mapping[str, Any]
    touched: frozenset[str]
    is_touched: bool


async def revert_all(job: Import, database: Database, clock: Clock, passing: Passing) -> None:
    """Take back what is left to take back, a transaction for each chunk; then conclude it."""
    is_done = False
    while not is_done:
        async with passing(job):
            is_done = await _revert_next(job, database, clock)
    logger.info("import_reverted", import_id=str(job.id))


async def _revert_next(job: Import, database: Database, clock: Clock) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.begin(job.tenant_id) as transaction:
                return await _revert_chunk(transaction, job.tenant_id, job.id, clock.now())
        except asyncpg.PostgresError as error:
            # A value that a record had before was taken in this very moment, or two have met in their locks.
            is_passing = is_contended(error) or isinstance(error, asyncpg.UniqueViolationError)
            if attempt == ATTEMPTS or not is_passing:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _revert_chunk(transaction: Transaction, tenant_id: UUID, import_id: UUID, now: datetime) -> bool:
    """Take the last chunk back that is not yet. True, and the import concluded, when there is none."""
    job = await repository.load_for_update(transaction, tenant_id, import_id)
    if job.status is not ImportStatus.REVERTING or job.reverted is None:
        raise ImportNotFound
    moments = await transaction.fetch(LIST_MOMENTS, tenant_id, import_id)
    chunk = await transaction.fetchrow(LAST_CHUNK, tenant_id, import_id)
    done = sum(row["reverted_at"] is not None for row in moments)
    if chunk is None:
        counted = replace(job.reverted, chunks=len(moments), chunks_done=done)
        await repository.save(transaction, domain.conclude_revert(replace(job, reverted=counted), now=now))
        return True
    ours = {moment for row in moments for moment in row if moment is not None}
    written = await _load_written(transaction, job, chunk, ours)
    counted = await _take_back(transaction, job, job.reverted, written, now)
    counted = replace(counted, chunks=len(moments), chunks_done=done + 1)
    after = replace(job, reverted=counted, waits_for=None, version=job.version + 1, updated_at=now)
    await repository.save(transaction, after)
    await transaction.execute(CONCLUDE_CHUNK, tenant_id, import_id, chunk["number"], now)
    return False


async def _load_written(
    transaction: Transaction, job: Import, chunk: Mapping[str, Any], ours: Collection[datetime]
) -> list[_Written]:
    kind = KINDS[job.entity_type]
    new = frozenset(chunk["created_ids"])
    versions = {**dict(zip(chunk["updated_ids"], chunk["updated_versions"], strict=True)), **dict.fromkeys(new, 1)}
    rows = await transaction.fetch(kind.select, job.tenant_id, list(versions))
    changes: dict[UUID, list[Mapping[str, Any]]] = {}
    told = await transaction.fetch(LIST_CHANGES, job.tenant_id, kind.aggregate, list(versions), list(versions.values()))
    for row in told:
        changes.setdefault(row["record_id"], []).append(row)
    written = []
    for record in map(kind.to_record, rows):
        if record.deleted_at is not None:
            continue  # somebody was quicker
        own = versions[record.id]
        later = [row for row in changes.get(record.id, []) if row["version"] > own and row["changed_at"] not in ours]
        before = next((row["changed"] for row in changes.get(record.id, []) if row["version"] == own), None)
        touched = frozenset(name for row in later for name in row["changed"] or ())
        written.append(_Written(record, record.id in new, before or {}, touched, bool(later)))
    return written


async def _take_back(
    transaction: Transaction, job: Import, counts: Revert, written: Sequence[_Written], now: datetime
) -> Revert:
    """Delete what is new and untouched, give the rest its values back; count what stays as it is."""
    kind = KINDS[job.entity_type]
    definitions = await load_definitions(transaction, job.tenant_id, EntityType(job.entity_type))
    taken = await _find_taken(transaction, job.tenant_id, kind, written)
    happened: list[Any] = []
    deleted = restored = kept = 0
    for one in written:
        if one.is_new:
            if one.is_touched:
                kept += 1
            else:
                happened.append(kind.domain.delete(one.record, now=now))
                deleted += 1
            continue
        values, is_whole = _list_values(one, taken, definitions)
        try:
            event = kind.domain.edit(one.record, values, now=now)
        except InvalidField:  # nothing would say who it is: edits since have taken the rest away
            event, is_whole = None, False
        kept += not is_whole
        if event is not None:
            happened.append(event)
            restored += 1
    await _save(transaction, job, kind, happened, counts.by)
    return replace(
        counts, deleted=counts.deleted + deleted, restored=counts.restored + restored, kept=counts.kept + kept
    )


def _list_values(
    one: _Written, taken: Collection[tuple[str, Any]], definitions: Definitions
) -> tuple[dict[str, Any], bool]:
    """Give the values to set, and whether they are all that the import had changed."""
    values: dict[str, Any] = {}
    is_whole = True
    for name, change in one.before.items():
        if name in _NOT_RESTORED:
            continue
        value = _to_value(name, change["from"], definitions)
        if name in one.touched or (name, value) in taken:
            is_whole = False
        else:
            values[name] = value
    if "phone" in one.touched:
        values.pop("phone_e164", None)
    return values, is_whole


def _to_value(name: str, stored: Any, definitions: Definitions) -> Any:
    """Read a value as the audit has kept it, in JSON."""
    if name in _UUID_FIELDS and stored is not None:
        return UUID(stored)
    if name == "tags":
        return tuple(stored)
    if name == "custom_data":
        return definitions.keep_known(stored)
    return stored


async def _find_taken(
    transaction: Transaction, tenant_id: UUID, kind: RecordKind, written: Sequence[_Written]
) -> set[tuple[str, Any]]:
    """Find the unique values from before that somebody else has now."""
    wanted: dict[str, dict[str, UUID]] = {name: {} for name in kind.holders.UNIQUE_FIELDS}
    for one in written:
        for name, had in wanted.items():
            value = one.before.get(name, {}).get("from")
            if value is not None:
                had[value] = one.record.id
    if not any(wanted.values()):
        return set()
    holders = await kind.holders.find_holders(transaction, tenant_id, wanted)
    taken: set[tuple[str, Any]] = set()
    for name, had in wanted.items():
        for value, record_id in had.items():
            asked = UniqueValue(name, value)
            holder_id = holders.ids.get(holders.compared.get(asked, asked))
            if holder_id is not None and holder_id != record_id:
                taken.add((name, value))
    return taken


async def _save(
    transaction: Transaction, job: Import, kind: RecordKind, happened: Sequence[Any], actor_id: UUID
) -> None:
    if not happened:
        return
    states = [kind.events.to_state(getattr(event, kind.aggregate)) for event in happened]
    await transaction.execute(kind.table.update_many, job.tenant_id, states)
    wire: list[OutboxEvent] = kind.events.MAPPING.to_wire(happened, by=Actor(job.tenant_id, actor_id))
    await publish(transaction, wire, audited=True)
