"""Writes one prepared chunk: new records set by set; whatever stays behind as a batch does, record by record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_contacts.companies.batch import CompanyBatch
from crm_contacts.companies.commands import CreateCompany
from crm_contacts.companies.domain import NewCompany
from crm_contacts.companies.repository import COMPANY_COLUMNS
from crm_contacts.contacts.batch import ContactBatch
from crm_contacts.contacts.commands import CreateContact
from crm_contacts.contacts.domain import NewContact
from crm_contacts.contacts.repository import CONTACT_COLUMNS
from crm_contacts.imports.domain import Import, ImportedType, ImportMode, RowProblem
from crm_contacts.imports.preparing import PreparedChunk
from crm_contacts.imports.staging import copy_rows, insert_staged, list_staged
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.batches import BatchItem, Outcome, Target, write_batch
from crm_shared.clock import Clock, FixedClock
from crm_shared.custom_fields import EntityType, load_definitions
from crm_shared.database import Transaction
from crm_shared.record_fields import field_names
from crm_shared.refusals import Conflict, InvalidField, NotFound, Refusal

BATCH_ROWS: Final = 500
PREVIEWED_ROWS: Final = 20

_FIELD_OF_CONFLICT: Final = {
    "duplicate-email": "email",
    "duplicate-external-id": "external_id",
    "duplicate-domain": "domain",
}
_TARGETS: Final = {"company": "company_id", "owner": "owner_id"}

LOAD_STATES: Final = {
    ImportedType.CONTACT: "SELECT" + CONTACT_COLUMNS + "FROM contacts c WHERE c.tenant_id = $1 AND c.id = ANY ($2)",
    ImportedType.COMPANY: "SELECT" + COMPANY_COLUMNS + "FROM companies c WHERE c.tenant_id = $1 AND c.id = ANY ($2)",
}


class DefinitionsChanged(Exception):
    """The custom fields are no longer what the chunk was checked against; it must be prepared anew."""


@dataclass(slots=True)
class WrittenChunk:
    """What became of a chunk's rows. `updated`: the version that each changed record has now, since `written_at`."""

    written_at: datetime
    created_ids: list[UUID] = field(default_factory=list)
    updated: dict[UUID, int] = field(default_factory=dict)
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)


async def write_chunk(
    transaction: Transaction, job: Import, chunk: PreparedChunk, caller: Caller, clock: Clock
) -> WrittenChunk:
    """Write the chunk's rows. Raises DefinitionsChanged, Unavailable; then the transaction must be rolled back."""
    moment = FixedClock(clock.now())  # one for the whole chunk: it is what these changes are known by later
    written = WrittenChunk(moment.at, failed=chunk.failed, problems=list(chunk.problems))
    outcomes: dict[int, Outcome | Refusal] = {}
    if chunk.lines:
        await _require_same_definitions(transaction, job, chunk)
        await copy_rows(transaction, job.entity_type, chunk.rows)
        ids = await _insert(transaction, job, chunk, caller)
        written.created_ids = [record_id for record_id in ids if record_id is not None]
        written.created = len(written.created_ids)
        outcomes = {number: Outcome(201, one, 1, is_told=True) for number, one in enumerate(ids) if one is not None}
        left = [number for number, record_id in enumerate(ids) if record_id is None]
        for numbers in batched_rows(left):
            outcomes |= await _write_singly(transaction, job, numbers, caller, moment)
        for number in left:
            _count(written, job, chunk, number, outcomes[number])
    if job.dry_run and len(job.preview or ()) < PREVIEWED_ROWS:
        written.preview = await _preview(transaction, job, chunk, outcomes)
    return written


def batched_rows(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + BATCH_ROWS] for start in range(0, len(numbers), BATCH_ROWS)]


async def _require_same_definitions(transaction: Transaction, job: Import, chunk: PreparedChunk) -> None:
    """Have the custom fields stand still until the commit."""
    held = await load_definitions(transaction, job.tenant_id, EntityType(job.entity_type))
    if dict(held.fields) != dict(chunk.found.definitions.fields):
        raise DefinitionsChanged


async def _insert(transaction: Transaction, job: Import, chunk: PreparedChunk, caller: Caller) -> list[UUID | None]:
    if job.mode is ImportMode.UPDATE:
        return [None] * len(chunk.lines)
    owners = await list_visible_owners(transaction, caller)
    return await insert_staged(transaction, job, chunk.found, owners=owners)


async def _write_singly(
    transaction: Transaction, job: Import, numbers: Sequence[int], caller: Caller, clock: Clock
) -> dict[int, Outcome | Refusal]:
    rows = await list_staged(transaction, job.entity_type, numbers)
    if job.entity_type is ImportedType.CONTACT:
        contacts = [_to_item(job, row, _to_new_contact(row, caller)) for row in rows]
        return await write_batch(transaction, ContactBatch(caller, clock), contacts)
    companies = [_to_item(job, row, _to_new_company(row, caller)) for row in rows]
    return await write_batch(transaction, CompanyBatch(caller, clock), companies)


def _to_item(job: Import, row: Mapping[str, Any], new: Any) -> BatchItem[Any]:
    """Say what the row asks for. Cells that are empty change nothing."""
    if job.mode is ImportMode.UPDATE:
        new = None
    elif row["refusal"] is not None:
        new = InvalidField(row["refusal"])
    if job.id_property is None:
        return BatchItem(row["number"], new=new)
    mapped = {_TARGETS.get(name, name) for name in job.fields if name is not None}
    changes = {name: row[name] for name in mapped - {"id"} if name in row and row[name] not in (None, [])}
    if "tags" in changes:
        changes["tags"] = tuple(changes["tags"])
    if row["custom_data"]:
        changes["custom_data"] = row["custom_data"]
    value = row["id"] if job.id_property == "id" else changes.pop(job.id_property)
    return BatchItem(row["number"], Target(job.id_property, value), changes, new=new)


def _to_new_contact(row: Mapping[str, Any], caller: Caller) -> CreateContact:
    return CreateContact(caller, NewContact(**_read_fields(row, NewContact)))


def _to_new_company(row: Mapping[str, Any], caller: Caller) -> CreateCompany:
    return CreateCompany(caller, NewCompany(**_read_fields(row, NewCompany)))


def _read_fields(row: Mapping[str, Any], new: type[Any]) -> dict[str, Any]:
    return {name: row[name] for name in field_names(new)} | {"tags": tuple(row["tags"])}


def _count(written: WrittenChunk, job: Import, chunk: PreparedChunk, number: int, outcome: Outcome | Refusal) -> None:
    if isinstance(outcome, Refusal):
        written.failed += 1
        written.problems += list_problems(job, chunk, number, outcome)
    elif outcome.status == 201:  # noqa: PLR2004 - HTTP's own number, as the batch answers it
        written.created += 1
        written.created_ids.append(outcome.id)
    elif outcome.is_told:
        written.changed += 1
        written.updated[outcome.id] = outcome.version
    else:
        written.unchanged += 1


def list_problems(job: Import, chunk: PreparedChunk, number: int, refusal: Refusal) -> list[RowProblem]:
    """Say what a refused row's file has wrong, by the names of its columns."""
    headers = {_TARGETS.get(name, name): header for header, name in job.columns if name is not None}
    line, cells = chunk.lines[number], chunk.cells[number]
    if isinstance(refusal, Conflict):
        name = _FIELD_OF_CONFLICT.get(refusal.slug, "")
        existing = refusal.extensions.get("existing_id")
        reason = f"{refusal.slug}: {refusal.detail}" + ("" if existing is None else f" ({existing})")
        return [RowProblem(line, headers.get(name, name), reason, cells)]
    if isinstance(refusal, NotFound):
        return [RowProblem(line, headers.get(job.id_property or "", ""), refusal.detail, cells)]
    if not refusal.errors:
        return [RowProblem(line, "", refusal.detail, cells)]
    return [
        RowProblem(line, headers.get(name := _to_field(error.pointer), name), error.detail, cells)
        for error in refusal.errors
    ]


def _to_field(pointer: str) -> str:
    """Give the field of a JSON pointer: `/custom_data/colour` is `cf_colour`."""
    if pointer.startswith("/custom_data/"):
        return "cf_" + pointer.removeprefix("/custom_data/").replace("~1", "/").replace("~0", "~")
    return pointer.removeprefix("/").partition("/")[0]


async def _preview(
    transaction: Transaction, job: Import, chunk: PreparedChunk, outcomes: Mapping[int, Outcome | Refusal]
) -> list[dict[str, Any]]:
    """Show the file's first rows as they would be, each with what is wrong with it."""
    wanted = PREVIEWED_ROWS - len(job.preview or ())
    ids = [outcome.id for number, outcome in outcomes.items() if number < wanted and isinstance(outcome, Outcome)]
    rows = await transaction.fetch(LOAD_STATES[job.entity_type], job.tenant_id, ids)
    states = {row["id"]: dict(row) for row in rows}
    shown: dict[int, dict[str, Any]] = {}
    for problem in chunk.problems:
        entry = shown.setdefault(problem.line, {"line": problem.line, "action": "fail", "record": None, "problems": []})
        entry["problems"].append({"field": problem.field, "reason": problem.reason})
    for number, line in list(enumerate(chunk.lines))[:wanted]:
        shown[line] = _show(job, chunk, number, outcomes[number], states)
    return [shown[line] for line in sorted(shown)][:wanted]


def _show(
    job: Import, chunk: PreparedChunk, number: int, outcome: Outcome | Refusal, states: Mapping[UUID, Mapping[str, Any]]
) -> dict[str, Any]:
    entry: dict[str, Any] = {"line": chunk.lines[number], "action": "fail", "record": None, "problems": []}
    if isinstance(outcome, Refusal):
        problems = list_problems(job, chunk, number, outcome)
        return {**entry, "problems": [{"field": one.field, "reason": one.reason} for one in problems]}
    is_new = outcome.status == 201  # noqa: PLR2004
    action = "create" if is_new else "update" if outcome.is_told else "unchanged"
    return {**entry, "action": action, "record": states.get(outcome.id)}
