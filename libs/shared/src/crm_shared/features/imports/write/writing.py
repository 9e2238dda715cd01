"""Writes one prepared chunk: new records set by set; whatever stays behind as a batch does, record by record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.clock import Clock, FixedClock
from crm_shared.database import Transaction
from crm_shared.features.batches import BatchItem, Outcome, Target, write_batch
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import, ImportMode
from crm_shared.features.imports.error_files import RowKey as FailedRow
from crm_shared.features.imports.headers import CUSTOM_PREFIX
from crm_shared.features.imports.prepare.chunks import PreparedChunk
from crm_shared.features.imports.problems import RowProblem
from crm_shared.refusals import Conflict, InvalidField, NotFound, Refusal

BATCH_ROWS: Final = 500
PREVIEWED_ROWS: Final = 10


class DefinitionsChanged(Exception):
    """The custom fields are no longer what the chunk was checked against; it must be prepared anew."""


@dataclass(slots=True)
class WrittenChunk:
    """What became of a chunk's rows.

    `updated`: of each row that has changed a record the version that it got, at `written_at`; of a new one that was
    written in several versions, as a deal that is closed already, the last of these.
    """

    written_at: datetime
    created_ids: list[UUID] = field(default_factory=list)
    updated: list[tuple[UUID, int]] = field(default_factory=list)
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    mended: list[FailedRow] = field(default_factory=list)


async def write_chunk(
    transaction: Transaction, job: Import, kind: AnyAdapter, chunk: PreparedChunk, caller: Caller, clock: Clock
) -> WrittenChunk:
    """Write the chunk's rows. Raises DefinitionsChanged, Unavailable; then the transaction must be rolled back."""
    moment = FixedClock(clock.now())  # one for the whole chunk: it is what these changes are known by later
    written = WrittenChunk(moment.at, failed=chunk.failed, problems=list(chunk.problems), unchanged=chunk.left_out)
    outcomes: dict[int, Outcome | Refusal] = {}
    if chunk.lines:
        await _require_same_definitions(transaction, job, kind, chunk)
        ids = await kind.write_new(transaction, job, chunk.found, chunk.rows, caller, len(chunk.lines))
        written.created_ids = [record_id for record_id in ids if record_id is not None]
        written.created = len(written.created_ids)
        outcomes = {
            number: Outcome(201, one, 1, is_published=True) for number, one in enumerate(ids) if one is not None
        }
        left = [number for number, record_id in enumerate(ids) if record_id is None]
        # A row that says what its record says asks for nothing: whoever sees the record may send it back.
        alike = {number for number in left if number in chunk.matched and not chunk.given[number]}
        outcomes |= {number: Outcome(200, chunk.matched[number], 0, is_published=False) for number in alike}
        for numbers in batched_rows([number for number in left if number not in alike]):
            outcomes |= await _write_singly(transaction, job, kind, chunk, numbers, caller, moment)
        for number in left:
            _count(written, job, kind, chunk, number, outcomes[number])
    written.mended = [key for number, key in chunk.failed_before.items() if isinstance(outcomes[number], Outcome)]
    if chunk.met_again:
        again = sum(1 for number in chunk.met_again if _is_new(outcomes[number]))
        written.created -= again
        written.changed += again
    if job.dry_run and len(job.preview or ()) < PREVIEWED_ROWS:
        written.preview = await _preview(transaction, job, kind, chunk, outcomes)
    return written


def _is_new(outcome: Outcome | Refusal) -> bool:
    return isinstance(outcome, Outcome) and outcome.status == 201  # noqa: PLR2004 - HTTP's own number


def batched_rows(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + BATCH_ROWS] for start in range(0, len(numbers), BATCH_ROWS)]


async def _require_same_definitions(
    transaction: Transaction, job: Import, kind: AnyAdapter, chunk: PreparedChunk
) -> None:
    """Have the custom fields stand still until the commit."""
    held = await kind.load_definitions(transaction, job.tenant_id)
    if dict(held.fields) != dict(chunk.found.definitions.fields):
        raise DefinitionsChanged


async def _write_singly(
    transaction: Transaction,
    job: Import,
    kind: AnyAdapter,
    chunk: PreparedChunk,
    numbers: Sequence[int],
    caller: Caller,
    clock: Clock,
) -> dict[int, Outcome | Refusal]:
    rows = await kind.list_rows(transaction, chunk.rows, numbers)
    items = [_to_item(job, kind, chunk, row, caller) for row in rows]
    return await write_batch(transaction, await kind.make_batch(transaction, caller, clock, items), items)


def _to_item(
    job: Import, kind: AnyAdapter, chunk: PreparedChunk, row: Mapping[str, Any], caller: Caller
) -> BatchItem[Any]:
    """Say what the row asks for. Cells that are empty change nothing."""
    number = row["number"]
    new: Any = kind.to_new(row, caller)
    if job.mode is ImportMode.CREATE:
        return BatchItem(number, new=new if row["refusal"] is None else InvalidField(row["refusal"]))
    if job.mode is ImportMode.UPDATE or number in chunk.matched:
        new = None
    elif row["refusal"] is not None:
        new = InvalidField(row["refusal"])
    given = chunk.given[number]
    changes = {name: row[name] for name in given if name != "id" and not name.startswith(CUSTOM_PREFIX)}
    if row["custom_data"]:
        changes["custom_data"] = row["custom_data"]
    if number in chunk.matched:
        return BatchItem(number, Target("id", chunk.matched[number]), kind.to_changes(changes), new=new)
    key = chunk.keys[number]
    if key is None:
        return BatchItem(number, new=new)
    target = kind.to_target(key[0], row, caller)
    changes.pop(key[0], None)
    return BatchItem(number, target, kind.to_changes(changes), new=new)


def _count(
    written: WrittenChunk, job: Import, kind: AnyAdapter, chunk: PreparedChunk, number: int, outcome: Outcome | Refusal
) -> None:
    if isinstance(outcome, Refusal):
        written.failed += 1
        written.problems += list_problems(job, kind, chunk, number, outcome)
    elif outcome.status == 201:  # noqa: PLR2004 - HTTP's own number, as the batch answers it
        written.created += 1
        written.created_ids.append(outcome.id)
        if outcome.version > 1:
            written.updated.append((outcome.id, outcome.version))
    elif outcome.is_published:
        written.changed += 1
        written.updated.append((outcome.id, outcome.version))
    else:
        written.unchanged += 1


def list_problems(
    job: Import, kind: AnyAdapter, chunk: PreparedChunk, number: int, refusal: Refusal
) -> list[RowProblem]:
    """Say what a refused row's file has wrong, by the names of its columns."""
    headers = {kind.references.get(name, name): header for header, name in job.columns if name is not None}
    line, cells = chunk.lines[number], chunk.cells[number]
    if isinstance(refusal, Conflict):
        name = kind.conflicts.get(refusal.slug, "")
        existing = refusal.extensions.get("existing_id")
        reason = f"{refusal.slug}: {refusal.detail}" + ("" if existing is None else f" ({existing})")
        return [RowProblem(line, headers.get(name, name), reason, cells)]
    if isinstance(refusal, NotFound):
        return [RowProblem(line, headers.get(job.id_property or "", ""), refusal.detail, cells)]
    if not refusal.errors:
        return [RowProblem(line, "", refusal.detail, cells)]
    return [
        RowProblem(line, headers.get(name := _to_field(error.pointer, kind), name), error.detail, cells)
        for error in refusal.errors
    ]


def _to_field(pointer: str, kind: AnyAdapter) -> str:
    """Return the field of a JSON pointer, as the file has it: `/custom_data/colour` is `cf_colour`."""
    if pointer.startswith("/custom_data/"):
        return "cf_" + pointer.removeprefix("/custom_data/").replace("~1", "/").replace("~0", "~")
    name = pointer.removeprefix("/").partition("/")[0]
    return kind.set_by.get(name, name)


async def _preview(
    transaction: Transaction,
    job: Import,
    kind: AnyAdapter,
    chunk: PreparedChunk,
    outcomes: Mapping[int, Outcome | Refusal],
) -> list[dict[str, Any]]:
    """Show the file's first rows as they would be, each with what is wrong with it."""
    wanted = PREVIEWED_ROWS - len(job.preview or ())
    ids = [outcome.id for number, outcome in outcomes.items() if number < wanted and isinstance(outcome, Outcome)]
    rows = await transaction.fetch(kind.select, job.tenant_id, ids)
    states = {row["id"]: dict(row) for row in rows}
    shown: dict[int, dict[str, Any]] = {}
    for problem in chunk.problems:
        entry = shown.setdefault(problem.line, {"line": problem.line, "action": "fail", "record": None, "problems": []})
        entry["problems"].append({"field": problem.field, "reason": problem.reason})
    for number, line in list(enumerate(chunk.lines))[:wanted]:
        shown[line] = _show(job, kind, chunk, number, outcomes[number], states)
    return [shown[line] for line in sorted(shown)][:wanted]


def _show(
    job: Import,
    kind: AnyAdapter,
    chunk: PreparedChunk,
    number: int,
    outcome: Outcome | Refusal,
    states: Mapping[UUID, Mapping[str, Any]],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"line": chunk.lines[number], "action": "fail", "record": None, "problems": []}
    if isinstance(outcome, Refusal):
        problems = list_problems(job, kind, chunk, number, outcome)
        return {**entry, "problems": [{"field": one.field, "reason": one.reason} for one in problems]}
    is_new = outcome.status == 201  # noqa: PLR2004
    action = "create" if is_new else "update" if outcome.is_published else "unchanged"
    return {**entry, "action": action, "record": states.get(outcome.id)}
