"""The processor's share of an import: bytes in, rows for COPY out. Does no I/O of its own: it asks for what it needs.

Runs in a process beside the worker (`side_process`), so that consumers and the database's work go on meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from uuid import UUID

from crm_contacts.companies.internet import to_domain
from crm_contacts.imports.columns import CUSTOM_PREFIX
from crm_contacts.imports.domain import Import, ImportMode, RowProblem
from crm_contacts.imports.records import Record, RecordReader
from crm_contacts.imports.references import Found, Wanted
from crm_contacts.imports.rows import ROW_KINDS, RowWriter
from crm_contacts.imports.values import READERS, read_id
from crm_shared.refusals import InvalidField
from crm_shared.spreadsheets import from_cell

REFERENCES: Final = frozenset({"company_id", "company", "owner_id", "owner"})
_TARGETS: Final = {"company": "company_id", "owner": "owner_id"}


@dataclass(slots=True)
class PreparedChunk:
    """Rows to be written in one transaction.

    `rows`: lines of COPY's text format, in the order of `lines` and `cells`, which say where each stood and what it
    was. `problems`: of rows that are none. `rows_read` and `bytes_read` count from the file's beginning.
    """

    found: Found
    rows_read: int
    bytes_read: int
    rows: bytes = b""
    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Column:
    index: int
    field: str
    header: str


class Preparer:
    """Prepares one import's file in chunks of `chunk_rows`.

    `next_piece` gives the file's bytes, `find` answers what the rows of a chunk refer to.
    """

    def __init__(
        self, job: Import, chunk_rows: int, next_piece: Callable[[], bytes], find: Callable[[Wanted], Found]
    ) -> None:
        self._job = job
        self._chunk_rows = chunk_rows
        self._find = find
        self._kind = ROW_KINDS[job.entity_type]
        self._columns = [
            _Column(index, name, header) for index, (header, name) in enumerate(job.columns) if name is not None
        ]
        self._headers = {column.field: column.header for column in self._columns}
        self._reader = RecordReader(next_piece, encoding=job.encoding, delimiter=job.delimiter, width=len(job.columns))

    def prepare(self) -> Iterator[PreparedChunk]:
        """Give chunk after chunk. Rows that were written before, by a worker that died, are passed over."""
        records = islice(self._reader, self._job.rows_read, None)
        rows_read = self._job.rows_read
        while batch := list(islice(records, self._chunk_rows)):
            rows_read += len(batch)
            yield self._prepare_chunk(batch, rows_read)

    def _prepare_chunk(self, batch: list[Record | RowProblem], rows_read: int) -> PreparedChunk:
        found = self._find(self._list_wanted(batch))
        chunk = PreparedChunk(found, rows_read, self._reader.taken_bytes)
        writer = RowWriter(self._kind, found, self._job.created_by)
        lines: list[str] = []
        for record in batch:
            if isinstance(record, RowProblem):
                chunk.problems.append(record)
                chunk.failed += 1
                continue
            values, custom_data, problems = self._read(record, found)
            refusal = None if problems else self._find_refusal(record, values, custom_data, found, problems)
            if problems:
                chunk.problems += problems
                chunk.failed += 1
                continue
            lines.append(writer.to_line(len(lines), values, custom_data, refusal))
            chunk.lines.append(record.line)
            chunk.cells.append(record.cells)
        chunk.rows = "".join(lines).encode()
        return chunk

    def _list_wanted(self, batch: list[Record | RowProblem]) -> Wanted:
        wanted = Wanted()
        for column in self._columns:
            if column.field not in REFERENCES:
                continue
            texts = {_to_text(record.cells[column.index]) for record in batch if isinstance(record, Record)} - {""}
            if column.field == "company":
                wanted.companies |= {text: _find_domain(text) for text in texts}
            elif column.field == "owner":
                wanted.owners |= texts
            else:
                ids = {record_id for text in texts if (record_id := _find_id(text)) is not None}
                (wanted.company_ids if column.field == "company_id" else wanted.owner_ids).update(ids)
        return wanted

    def _read(self, record: Record, found: Found) -> tuple[dict[str, Any], dict[str, Any], list[RowProblem]]:
        values: dict[str, Any] = {}
        custom_data: dict[str, Any] = {}
        problems: list[RowProblem] = []
        for column in self._columns:
            text = record.cells[column.index]
            if not text:
                continue
            text = _to_text(text)
            if not text:
                continue
            try:
                if "\x00" in text:
                    raise ValueError("holds a character that can't be stored")
                if (read := READERS.get(column.field)) is not None:
                    values[column.field] = read(text)
                elif column.field in REFERENCES:
                    values[_TARGETS.get(column.field, column.field)] = _refer(column.field, text, found)
                else:
                    key = column.field.removeprefix(CUSTOM_PREFIX)
                    custom_data[key] = found.definitions.parse_text(key, text)
            except ValueError as error:
                problems.append(RowProblem(record.line, column.header, str(error), record.cells))
            except InvalidField as refusal:
                problems.append(RowProblem(record.line, column.header, refusal.errors[0].detail, record.cells))
        return values, custom_data, problems

    def _find_refusal(
        self,
        record: Record,
        values: dict[str, Any],
        custom_data: dict[str, Any],
        found: Found,
        problems: list[RowProblem],
    ) -> str | None:
        """Say why the row can't be a new record; it may still change one, if that is asked for.

        What can't be either is added to `problems`.
        """
        job = self._job
        if job.id_property is not None and job.id_property not in values:
            reason = "is required: the record is found by it"
            problems.append(RowProblem(record.line, self._headers[job.id_property], reason, record.cells))
        if job.mode is ImportMode.UPDATE:
            return None
        wrong = [] if (refusal := self._kind.find_refusal(values)) is None else [refusal]
        if found.definitions.fields:
            wrong += _list_missing(custom_data, found)
        if job.mode is ImportMode.CREATE:
            problems += [
                RowProblem(record.line, self._headers.get(name, name), reason, record.cells) for name, reason in wrong
            ]
        return "; ".join(f"{name} {reason}".strip() for name, reason in wrong) or None


def _to_text(cell: str) -> str:
    """Give what the cell says: without the spaces round it, and without what an export has put before it."""
    if not cell or not ("'" in cell[:2] or cell[0].isspace() or cell[-1].isspace()):
        return cell
    return from_cell(cell.strip()).strip()


def _find_id(text: str) -> UUID | None:
    try:
        return read_id(text)
    except ValueError:
        return None


@lru_cache(maxsize=20_000)
def _find_domain(text: str) -> str | None:
    try:
        return to_domain(text)
    except ValueError:
        return None


def _refer(name: str, text: str, found: Found) -> UUID:
    if name == "company":
        return found.find_company(text)
    if name == "owner":
        return found.find_owner(text)
    record_id = read_id(text)
    return found.require_company_id(record_id) if name == "company_id" else found.require_owner_id(record_id)


def _list_missing(custom_data: dict[str, Any], found: Found) -> list[tuple[str, str]]:
    try:
        found.definitions.check(custom_data, partial=False)
    except InvalidField as refusal:
        return [
            (CUSTOM_PREFIX + one.pointer.removeprefix("/custom_data").removeprefix("/"), one.detail)
            for one in refusal.errors
        ]
    return []
