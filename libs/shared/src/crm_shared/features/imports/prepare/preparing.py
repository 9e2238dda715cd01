"""The processor's share of an import: bytes in, rows for COPY out. Does no I/O of its own: it asks for what it needs.

Runs in a process beside the worker (`side_process`), so that consumers and the database's work go on meanwhile.
"""

from collections.abc import Callable, Container, Hashable, Iterator, Mapping
from itertools import islice
from typing import Final
from uuid import UUID

from crm_shared.features.imports.adapter import AnyAdapter, ChunkRows
from crm_shared.features.imports.domain import Import, ImportMode
from crm_shared.features.imports.error_files import KEY_COLUMN, read_key
from crm_shared.features.imports.error_files import RowKey as FailedRow
from crm_shared.features.imports.headers import CUSTOM_PREFIX
from crm_shared.features.imports.prepare.cells import (
    NOTHING,
    CellReader,
    Column,
    RowValues,
    list_columns,
    list_missing_values,
    reading,
    to_text,
)
from crm_shared.features.imports.prepare.chunks import PreparedChunk
from crm_shared.features.imports.prepare.row_keys import KeyReader, NamedRows, TriedRows, find_failed, fold_key
from crm_shared.features.imports.problems import EARLIER, NO_LONGER, NOT_SEEN, RowProblem, Warned
from crm_shared.features.imports.records import Record, RecordReader
from crm_shared.features.imports.references import Found, NameKey, RowKey, Wanted
from crm_shared.features.imports.values import find_id
from crm_shared.refusals import InvalidField
from crm_shared.text import is_storable

MAX_CHUNK_BYTES: Final = 8 * 1024 * 1024


class Preparer:
    """Prepares one import's file in chunks of `chunk_rows`.

    `next_piece` gives the file's bytes, `find` answers what the rows of a chunk refer to.
    """

    def __init__(
        self,
        job: Import,
        kind: AnyAdapter,
        chunk_rows: int,
        next_piece: Callable[[], bytes],
        find: Callable[[Wanted], Found],
    ) -> None:
        self._job = job
        self._chunk_rows = chunk_rows
        self._find = find
        self._kind = kind
        self._columns = list_columns(job)
        self._headers = {column.field: column.header for column in self._columns}
        self._indexes = {column.field: column.index for column in self._columns}
        self._reader = RecordReader(next_piece, encoding=job.encoding, delimiter=job.delimiter, width=len(job.columns))
        self._keys = KeyReader(job, kind, self._columns)
        self._met: set[int] = set()
        self._named = NamedRows()
        self._tried = TriedRows(self._keys) if job.dry_run else None
        self._key_at = next((number for number, (header, _) in enumerate(job.columns) if header == KEY_COLUMN), None)

    def prepare(self) -> Iterator[PreparedChunk]:
        """Yield chunk after chunk. Rows that were written before, by a worker that died, are passed over."""
        if self._keys.needs_row_context:
            self._keys.row_context = self._find(Wanted()).row_context
        rows_read = self._job.rows_read
        records = iter(self._reader)
        for record in islice(records, rows_read):
            if isinstance(record, Record):
                self._note(record, self._keys.list_keys(record))
                if self._tried is not None:
                    self._tried.add_cells(record)
        while batch := self._take(records):
            rows_read += len(batch)
            yield self._prepare_chunk(batch, rows_read)

    def list_wanted(self) -> Iterator[Wanted]:
        """Yield what the rows of chunk after chunk name, without reading them any further."""
        if self._keys.needs_row_context:
            self._keys.row_context = self._find(Wanted()).row_context
        records = iter(self._reader)
        while batch := self._take(records):
            keys = {record.line: self._keys.list_keys(record) for record in batch if isinstance(record, Record)}
            yield self._list_wanted(batch, keys)

    def _take(self, records: Iterator[Record | RowProblem]) -> list[Record | RowProblem]:
        """Return the next rows: as many as a chunk has, fewer if they are long."""
        batch: list[Record | RowProblem] = []
        begun_at = self._reader.taken_bytes
        for record in islice(records, self._chunk_rows):
            batch.append(record)
            if self._reader.taken_bytes - begun_at >= MAX_CHUNK_BYTES:
                break
        return batch

    def _prepare_chunk(self, batch: list[Record | RowProblem], rows_read: int) -> PreparedChunk:
        keys = {record.line: self._keys.list_keys(record) for record in batch if isinstance(record, Record)}
        found = self._find(self._list_wanted(batch, keys))
        chunk = PreparedChunk(found, rows_read, self._reader.taken_bytes, warned={*found.warned})
        reader = CellReader(self._job, self._kind, self._columns, found, chunk.warned)
        rows = self._kind.gather_rows(found, self._job.created_by)
        for record in batch:
            if isinstance(record, RowProblem):
                chunk.problems.append(record)
                chunk.failed += 1
                continue
            self._prepare_row(record, keys[record.line], chunk, reader, rows)
        chunk.rows = rows.take()
        if self._tried is not None:
            self._tried.end_chunk()
        return chunk

    def _prepare_row(
        self, record: Record, keys: list[RowKey], chunk: PreparedChunk, reader: CellReader, rows: ChunkRows
    ) -> None:
        """Add the row to `rows`; of one that is none, the problems to the chunk's."""
        again = self._note(record, keys)
        failed_before, problem = self._read_failed(record, again)
        if failed_before in chunk.found.taken:
            chunk.left_out += 1
            chunk.warned.add(Warned(KEY_COLUMN, "rows that an import took before were left out"))
            return
        by, matched, many = self._match(record, keys, chunk.found, again)
        present = None if matched is None else chunk.found.present.get(matched, NOTHING)
        row = reader.read(record, NOTHING if present is None else present)
        row.problems += [one for one in (problem, many) if one is not None]
        self._complete(record, row, chunk, present)
        if record.missing and (row.problems or not self._names_record(record, row)):
            width = len(self._job.columns)
            reason = f"has {width - record.missing} cells, the header has {width}"
            row.problems = [RowProblem(record.line, "", reason, record.cells)]
        refusal: str | None = NO_LONGER
        if matched is None and not row.problems:
            refusal = self._find_refusal(record, row, chunk.found)
        if self._tried is not None and matched is None and not row.problems:
            self._try(record, row, chunk, None if by is None else by.field)
        if row.problems:
            chunk.problems += row.problems
            chunk.failed += 1
            return
        number = len(chunk.lines)
        if matched is not None:
            chunk.matched[number] = matched
            if by is not None:
                self._drop_key(row, by)
        if failed_before is not None:
            chunk.failed_before[number] = failed_before
        chunk.lines.append(record.line)
        chunk.cells.append(record.cells)
        if self._job.mode is not ImportMode.CREATE:
            given = (name for name in row.values if name not in self._kind.derived)  # these follow from what is written
            chunk.given.append((*given, *(CUSTOM_PREFIX + key for key in row.custom_data)))
            chunk.keys.append(self._keys.find_unique(row.values, None if by is None else by.field))
        rows.add(row.values, row.custom_data, refusal, is_new=matched is None)

    def _complete(
        self, record: Record, row: RowValues, chunk: PreparedChunk, present: Mapping[str, str] | None
    ) -> None:
        def warn(name: str, detail: str) -> None:
            chunk.warned.add(Warned(self._headers.get(name, name), detail))

        try:
            self._kind.complete(row.values, chunk.found, reading(record, self._indexes), present, warn)
        except InvalidField as refusal:
            for one in refusal.errors:
                name = one.pointer.removeprefix("/")
                row.problems.append(RowProblem(record.line, self._headers.get(name, name), one.detail, record.cells))

    def _try(self, record: Record, row: RowValues, chunk: PreparedChunk, found_by: str | None) -> None:
        """Let a dry run's row meet those of the chunks before it, which are not there any more."""
        again = self._tried.find(record, found_by) if self._tried is not None else None
        if again is None:
            return
        if self._job.mode is ImportMode.CREATE or again != found_by:
            reason = f"duplicate-{again.replace('_', '-')}: an earlier line of the file has it too"
            row.problems.append(RowProblem(record.line, self._headers[again], reason, record.cells))
        else:
            chunk.met_again.add(len(chunk.lines))

    def _read_failed(self, record: Record, again: Container[Hashable]) -> tuple[FailedRow | None, RowProblem | None]:
        """Return the row of an errors file that this one mends."""
        text = "" if self._key_at is None else record.cells[self._key_at].strip()
        if not text:
            return None, None
        try:
            failed = read_key(text)
        except ValueError as error:
            return None, RowProblem(record.line, KEY_COLUMN, str(error), record.cells)
        reason = f"{EARLIER} same {KEY_COLUMN}"
        return failed, RowProblem(record.line, KEY_COLUMN, reason, record.cells) if failed in again else None

    def _note(self, record: Record, keys: list[RowKey]) -> frozenset[Hashable]:
        """Remember what the row names; return what an earlier line of the file names too."""
        named: list[Hashable] = [fold_key(key) for key in keys if key.field != "id"]
        failed = None if self._key_at is None else find_failed(record.cells[self._key_at])
        return self._named.add(named if failed is None else [*named, failed])

    def _match(
        self, record: Record, keys: list[RowKey], found: Found, again: Container[Hashable]
    ) -> tuple[RowKey | None, UUID | None, RowProblem | None]:
        for key in keys:
            is_again = fold_key(key) in again
            # Where several may have it, whether an earlier line's record is there yet is a matter of chunks.
            match = None if is_again and key.field in self._kind.unsure else found.matches.get(key)
            if isinstance(match, str):
                return key, None, RowProblem(record.line, self._headers.get(key.field, ""), match, record.cells)
            if match is not None:
                # Who comes twice is no longer as they were found: what the second row says counts whole.
                if hash(match) in self._met:
                    found.present.pop(match, None)
                self._met.add(hash(match))
                return key, match, None
            if (problem := self._find_strange(record, key, is_again=is_again)) is not None:
                return key, None, problem
            if is_again and self._job.mode is ImportMode.UPSERT:
                return key, None, None  # the earlier line's record, or a new one if that line came to nothing
        return None, None, None

    def _find_strange(self, record: Record, key: RowKey, *, is_again: bool) -> RowProblem | None:
        """Say what is wrong with a key that finds nobody, where the database will not say it."""
        reason = None
        if key.field == "id" and self._job.mode is ImportMode.UPSERT:
            reason = NOT_SEEN
        elif (words := self._kind.unsure.get(key.field)) is not None:
            reason = f"{EARLIER} same {words}" if is_again else None
        return None if reason is None else RowProblem(record.line, self._headers[key.field], reason, record.cells)

    def _drop_key(self, row: RowValues, by: RowKey) -> None:
        """Leave what the record was found by as it has it: the row may write it in other letters."""
        for name in self._kind.key_fields.get(by.field, (by.field,)):
            row.values.pop(name, None)

    def _names_record(self, record: Record, row: RowValues) -> bool:
        # Cells that are left out at a row's end may be Excel's way, or half of a row that a line's end has broken: only
        # a row that says whose it is gets them filled up.
        naming = {*self._kind.naming, *self._job.match_by}
        return any(
            column.field in naming and (column.field in row.values or record.cells[column.index])
            for column in self._columns
        )

    def _list_wanted(self, batch: list[Record | RowProblem], keys: dict[int, list[RowKey]]) -> Wanted:
        wanted = Wanted(keys={key for found in keys.values() for key in found})
        if self._key_at is not None:
            failed = (find_failed(record.cells[self._key_at]) for record in batch if isinstance(record, Record))
            wanted.failed_rows = {key for key in failed if key is not None}
        of_ids = frozenset(self._kind.references.values())
        records = [record for record in batch if isinstance(record, Record)]
        for column in self._columns:
            if column.field in of_ids:
                ids = (find_id(to_text(record.cells[column.index])) for record in records)
                wanted.ids[column.field] = {record_id for record_id in ids if record_id is not None}
            elif column.field in self._kind.references:
                wanted.names[column.field] = self._list_names(column, records)
        return wanted

    def _list_names(self, column: Column, records: list[Record]) -> dict[NameKey, None]:
        """Return what the column names, in the file's order: a missing company gets the first spelling."""
        exact = self._find_exact(column)
        names: dict[NameKey, None] = {}
        for record in records:
            text = to_text(record.cells[column.index])
            # What can't be stored can't be asked for either: reading the row will say so.
            if text and is_storable(text) and (exact is None or not record.cells[exact.index].strip()):
                for part in self._kind.split_names(column.field, text):
                    names[self._kind.make_name_key(column.field, part, reading(record, self._indexes))] = None
        return names

    def _find_exact(self, column: Column) -> Column | None:
        """Return the column of ids that counts whole in place of this one, as where all records are new."""
        target = self._kind.references.get(column.field) if self._job.mode is ImportMode.CREATE else None
        return next((one for one in self._columns if one.field == target), None)

    def _find_refusal(self, record: Record, row: RowValues, found: Found) -> str | None:
        """Say why the row can't be a new record; it may still change one, if that is asked for.

        What can't be either is added to the row's problems.
        """
        job = self._job
        if job.mode is ImportMode.UPDATE:
            if self._keys.find_unique(row.values) is None and not self._kind.unsure.keys() & set(job.match_by):
                reason = "is required: the record is found by it"
                header = self._headers.get(job.id_property or "", "")
                row.problems.append(RowProblem(record.line, header, reason, record.cells))
            elif self._keys.find_unique(row.values) is None:
                row.problems.append(RowProblem(record.line, "", "no record is found by it", record.cells))
            return None
        wrong = [] if (refusal := self._kind.find_refusal(row.values)) is None else [refusal]
        if found.definitions.fields:
            wrong += list_missing_values(row.custom_data, found)
        if job.mode is ImportMode.CREATE or self._keys.find_unique(row.values) is None:
            row.problems += [
                RowProblem(record.line, self._headers.get(name, name), reason, record.cells) for name, reason in wrong
            ]
        return "; ".join(f"{name} {reason}".strip() for name, reason in wrong) or None
