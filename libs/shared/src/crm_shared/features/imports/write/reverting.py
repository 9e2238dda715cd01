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

from crm_shared.clock import Clock
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.database import Database, Transaction
from crm_shared.database.outages import is_contended
from crm_shared.features.batches import UniqueValue
from crm_shared.features.custom_fields import Definitions
from crm_shared.features.imports import domain, repository
from crm_shared.features.imports.adapter import Adapters, AnyAdapter
from crm_shared.features.imports.domain import Import, ImportedType, ImportNotFound, ImportStatus, Revert
from crm_shared.features.imports.write.changes import Moments, load_changes, read_changes
from crm_shared.publishing import publish
from crm_shared.refusals import InvalidField

logger = structlog.get_logger(__name__)
ATTEMPTS: Final = 5

LIST_MOMENTS: Final = """
    SELECT c.written_at, c.reverted_at FROM import_chunks c WHERE c.tenant_id = $1 AND c.import_id = $2
"""
LAST_CHUNK: Final = """
    SELECT c.number, c.written_at, c.created_ids, c.updated_ids, c.updated_versions, c.entity_type
      FROM import_chunks c
     WHERE c.tenant_id = $1 AND c.import_id = $2 AND c.reverted_at IS NULL
     ORDER BY c.entity_type NULLS FIRST, c.number DESC  -- companies made for contacts, once these are gone
     LIMIT 1
"""
CONCLUDE_CHUNK: Final = """
    UPDATE import_chunks SET reverted_at = $4 WHERE tenant_id = $1 AND import_id = $2 AND number = $3
"""

# Who is in several chunks is taken back with the first of them, whole and once.
LIST_EARLIER: Final = """
    SELECT DISTINCT later.id
      FROM import_chunks c, unnest(c.created_ids || c.updated_ids) AS earlier (id)
      JOIN unnest($4::uuid[]) AS later (id) USING (id)
     WHERE c.tenant_id = $1 AND c.import_id = $2 AND c.number < $3 AND c.entity_type IS NULL
"""

Passing = Callable[[Import], AbstractAsyncContextManager[None]]
"""Waits until the import may write its next chunk, and keeps its place while in the block."""


@dataclass(frozen=True, slots=True)
class _Written:
    """One record as the import has left it, and what became of it since.

    `before`: the values that the import has replaced; `touched`: fields of the import that others have edited since.
    """

    record: Any
    is_new: bool
    before: Mapping[str, Any]
    touched: frozenset[str]
    is_touched: bool


async def revert_all(job: Import, kinds: Adapters, database: Database, clock: Clock, passing: Passing) -> None:
    """Take back what is left to take back, a transaction for each chunk; then conclude it."""
    is_done = False
    while not is_done:
        async with passing(job):
            is_done = await _revert_next(job, kinds, database, clock)
    logger.info("import_reverted", import_id=str(job.id))


async def _revert_next(job: Import, kinds: Adapters, database: Database, clock: Clock) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.begin(job.tenant_id) as transaction:
                return await _revert_chunk(transaction, job, kinds, clock.now())
        except asyncpg.PostgresError as error:
            # A value that a record had before was taken in this very moment, or two have met in their locks.
            is_passing = is_contended(error) or isinstance(error, asyncpg.UniqueViolationError)
            if attempt == ATTEMPTS or not is_passing:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _revert_chunk(transaction: Transaction, asked: Import, kinds: Adapters, now: datetime) -> bool:
    """Take the last chunk back that is not yet. True, and the import concluded, when there is none."""
    tenant_id, import_id = asked.tenant_id, asked.id
    job = await repository.load_for_update(transaction, tenant_id, import_id)
    if job.status is not ImportStatus.REVERTING or job.reverted is None:
        raise ImportNotFound
    moments = await transaction.fetch(LIST_MOMENTS, tenant_id, import_id)
    chunk = await transaction.fetchrow(LAST_CHUNK, tenant_id, import_id)
    done = sum(row["reverted_at"] is not None for row in moments)
    if chunk is None:
        await repository.give_back_rows(transaction, job)
        counted = replace(job.reverted, chunks=len(moments), chunks_done=done)
        await repository.save(transaction, domain.conclude_revert(replace(job, reverted=counted), now=now))
        return True
    ours = Moments(
        frozenset(row["written_at"] for row in moments),
        frozenset(row["reverted_at"] for row in moments if row["reverted_at"] is not None),
    )
    kind = kinds[ImportedType(chunk["entity_type"] or job.entity_type)]
    versions = await _list_versions(transaction, job, chunk)
    changes = await load_changes(transaction, job, kind, chunk, versions, ours)
    before = [read_changes(recorded, ours)[0] for recorded in changes.values()]
    context = await kind.load_context(transaction, job.tenant_id, before)
    written = await _load_written(transaction, job, kind, chunk, versions, ours)
    counted = await _take_back(transaction, job, kind, written, context, now)
    counted = replace(counted, chunks=len(moments), chunks_done=done + 1)
    after = replace(job, reverted=counted, waits_for=None, version=job.version + 1, updated_at=now)
    await repository.save(transaction, after)
    await transaction.execute(CONCLUDE_CHUNK, tenant_id, import_id, chunk["number"], now)
    return False


async def _list_versions(transaction: Transaction, job: Import, chunk: Mapping[str, Any]) -> dict[UUID, int]:
    """Return the chunk's records, each with the version that it got first."""
    versions: dict[UUID, int] = dict.fromkeys(chunk["created_ids"], 1)
    for record_id, version in zip(chunk["updated_ids"], chunk["updated_versions"], strict=True):
        versions[record_id] = min(version, versions.get(record_id, version))
    for record_id in await _list_earlier(transaction, job, chunk):
        versions.pop(record_id, None)
    return versions


async def _load_written(
    transaction: Transaction,
    job: Import,
    kind: AnyAdapter,
    chunk: Mapping[str, Any],
    versions: Mapping[UUID, int],
    ours: Moments,
) -> list[_Written]:
    """Lock the chunk's records, and look once more at what was changed of them."""
    new = frozenset(chunk["created_ids"])
    rows = await transaction.fetch(kind.lock, job.tenant_id, list(versions))
    changes = await load_changes(transaction, job, kind, chunk, versions, ours)
    is_beside = chunk["entity_type"] is not None
    in_use = await kind.find_in_use(transaction, job.tenant_id, list(new)) if is_beside else set()
    written = []
    for record in map(kind.to_record, rows):
        if record.deleted_at is not None:
            continue  # somebody was quicker
        recorded = changes.get(record.id, [])
        before, touched = read_changes(recorded, ours)
        own = versions[record.id]
        is_touched = record.id in in_use or any(
            row["version"] > own and not ours.is_ours(row["changed_at"]) for row in recorded
        )
        written.append(_Written(record, record.id in new, before, touched, is_touched))
    return written


async def _list_earlier(transaction: Transaction, job: Import, chunk: Mapping[str, Any]) -> set[UUID]:
    """Return those records of the chunk that an earlier chunk has made or changed too."""
    if not chunk["updated_ids"]:
        return set()
    rows = await transaction.fetch(LIST_EARLIER, job.tenant_id, job.id, chunk["number"], chunk["updated_ids"])
    return {row["id"] for row in rows}


async def _take_back(
    transaction: Transaction, job: Import, kind: AnyAdapter, written: Sequence[_Written], context: Any, now: datetime
) -> Revert:
    """Delete what is new and untouched, give the rest its values back; count what stays as it is."""
    counts = job.reverted or Revert(job.created_by)
    definitions = await kind.load_definitions(transaction, job.tenant_id)
    taken = await _find_taken(transaction, job.tenant_id, kind, written)
    happened: list[Any] = []
    deleted = kept = 0
    restored: set[UUID] = set()
    for one in written:
        if one.is_new:
            if one.is_touched:
                kept += 1
            else:
                happened.append(kind.delete(one.record, now))
                deleted += 1
            continue
        values, is_whole = _list_values(one, kind, taken, definitions)
        try:
            events = kind.edit(one.record, values, now, context)
        except InvalidField:  # nothing would say who it is: edits since have taken the rest away
            events, is_whole = (), False
        kept += not is_whole
        if events:
            happened += events
            restored.add(one.record.id)
    settled = await kind.follow_up_revert(transaction, job.tenant_id, happened, now)
    stayed = restored - {kind.get_record(event).id for event in settled}
    await _save(transaction, job, kind, settled, counts.by)
    return replace(
        counts,
        deleted=counts.deleted + deleted,
        restored=counts.restored + len(restored - stayed),
        kept=counts.kept + kept + len(stayed),
    )


def _list_values(
    one: _Written, kind: AnyAdapter, taken: Collection[tuple[str, Any]], definitions: Definitions
) -> tuple[dict[str, Any], bool]:
    """Return the values to set, and whether they are all that the import had changed."""
    values: dict[str, Any] = {}
    is_whole = one.touched <= frozenset(kind.not_restored)
    for name, change in one.before.items():
        if name in kind.not_restored or kind.derived.get(name) in one.touched:
            continue
        value = change["from"]
        value = definitions.keep_known(value) if name == "custom_data" else kind.read_stored(name, value)
        if name in kind.unique_fields and (name, value) in taken:  # others may be lists of objects
            is_whole = False
        else:
            values[name] = value
    return values, is_whole


async def _find_taken(
    transaction: Transaction, tenant_id: UUID, kind: AnyAdapter, written: Sequence[_Written]
) -> set[tuple[str, Any]]:
    """Find the unique values from before that somebody else has now."""
    wanted: dict[str, dict[str, UUID]] = {name: {} for name in kind.unique_fields}
    for one in written:
        for name, had in wanted.items():
            value = one.before.get(name, {}).get("from")
            if value is not None:
                had[value] = one.record.id
    if not any(wanted.values()):
        return set()
    holders = await kind.find_unique_owners(transaction, tenant_id, wanted)
    taken: set[tuple[str, Any]] = set()
    for name, had in wanted.items():
        for value, record_id in had.items():
            asked = UniqueValue(name, value)
            holder_id = holders.ids.get(holders.compared.get(asked, asked))
            if holder_id is not None and holder_id != record_id:
                taken.add((name, value))
    return taken


async def _save(
    transaction: Transaction, job: Import, kind: AnyAdapter, happened: Sequence[Any], actor_id: UUID
) -> None:
    if not happened:
        return
    states = {record.id: kind.mapping.to_state(record) for record in map(kind.get_record, happened)}
    await transaction.execute(kind.table.update_many, job.tenant_id, list(states.values()))
    actor = Actor(job.tenant_id, actor_id)
    await kind.conclude_revert(transaction, actor, happened)
    wire: list[OutboxEvent] = await kind.mapping.to_wire_in_turns(happened, by=actor)
    await publish(transaction, wire, audited=True)
