"""What one row of a file says: each cell read by its column's field. A cell that says what is there says nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from crm_shared.features.custom_fields import FieldType
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import, OnMissingCompany
from crm_shared.features.imports.encodings import LOST_LETTER, find_misread
from crm_shared.features.imports.headers import CUSTOM_PREFIX
from crm_shared.features.imports.problems import RowProblem, Warned
from crm_shared.features.imports.records import Record
from crm_shared.features.imports.references import COMPANY, NO_COMPANY, Found, NameKey
from crm_shared.features.imports.value_forms import TAG_SEPARATOR, ValueKind, require_sure_number
from crm_shared.features.imports.values import read_id
from crm_shared.refusals import InvalidField
from crm_shared.spreadsheets import from_cell

SEVERAL: Final = " ::: "
"""Between the values that Google has of one kind."""

FIRST_TAKEN: Final = "some cells hold several values: the first is taken"

_KINDS: Final = {
    FieldType.DATE: ValueKind.DAY,
    FieldType.NUMBER: ValueKind.NUMBER,
    FieldType.MULTI_SELECT: ValueKind.VALUES,
}
# Swallowed rows: lines within a cell that are parted as often as the file's own. Few columns may be chance.
_SURE_COLUMNS: Final = 6
_GIVEN_ELSEWHERE: Final = frozenset({"id", "updated_at"})
"""Of the columns that nobody sets: what a row is found by, and what each change changes."""
NOTHING: Final[Mapping[str, str]] = {}
_OF_MISSING: Final = {
    OnMissingCompany.CREATE: "companies that are not there would be made",
    OnMissingCompany.IGNORE: "companies that are not there are left out",
    OnMissingCompany.FAIL: "companies that are not there fail their rows, unless on_missing_company says otherwise",
}


@dataclass(frozen=True, slots=True)
class Column:
    index: int
    field: str
    header: str


def list_columns(job: Import) -> list[Column]:
    return [Column(index, name, header) for index, (header, name) in enumerate(job.columns) if name is not None]


@dataclass(slots=True)
class RowValues:
    """What a row sets. `given`: the fields of which it says something new."""

    values: dict[str, Any] = field(default_factory=dict)
    custom_data: dict[str, Any] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)


class CellReader:
    """Reads the rows of one chunk. `warned` gathers what was left out."""

    def __init__(
        self, job: Import, kind: AnyAdapter, columns: Sequence[Column], found: Found, warned: set[Warned]
    ) -> None:
        self._job = job
        self._kind = kind
        self._indexes = {column.field: column.index for column in columns}
        self._columns = columns
        self._found = found
        self._forms = job.options.forms
        self._warned = warned
        self._kinds = find_kinds(kind, found)
        self._exact = {
            name: column for name, target in kind.references.items() for column in columns if column.field == target
        }
        named = [(index, header) for index, (header, name) in enumerate(job.columns) if name is None]
        self._nameless = [index for index, header in named if not header]
        given = frozenset(kind.names.unset) - _GIVEN_ELSEWHERE
        self._given_by_us = [(index, header) for index, header in named if header in given]
        self._of_ids = frozenset(kind.references.values())

    def read(self, record: Record, present: Mapping[str, str] = NOTHING) -> RowValues:
        """Read a row; `present` is how an export writes the record that it is about: equal cells are no change."""
        row = RowValues()
        is_plain = _is_plain(record)
        self._warn_of_left_out(record, present)
        for column in self._columns:
            text = record.cells[column.index]
            if not text:
                continue
            text = to_text(text)
            if not text or present.get(column.field) == text:
                continue
            try:
                if not is_plain:
                    self._require_whole(column, text)
                self._set(row, column, text, record, present)
            except ValueError as error:
                row.problems.append(RowProblem(record.line, column.header, str(error), record.cells))
            except InvalidField as refusal:
                row.problems.append(RowProblem(record.line, column.header, refusal.errors[0].detail, record.cells))
        return row

    def _warn_of_left_out(self, record: Record, present: Mapping[str, str]) -> None:
        """Say of values that no field takes: those without a header, and a moment that can't be set."""
        for index in self._nameless:
            if record.cells[index].strip():
                self._warned.add(Warned("", f"column {index + 1} has no name: its values are left out"))
        for index, header in self._given_by_us:
            text = to_text(record.cells[index])
            if text and text != present.get(header):
                self._warned.add(Warned(header, "left out, though some cells differ: it is given by us"))

    def _set(self, row: RowValues, column: Column, text: str, record: Record, present: Mapping[str, str]) -> None:
        name = column.field
        if name in self._of_ids or name in self._kind.references:
            if self._is_named_by_id(column, text, record, present):
                return
            parts = self._kind.split_names(name, text)
            if len(parts) > 1 and name not in self._kind.several:
                self._warned.add(Warned(column.header, FIRST_TAKEN))
                parts = parts[:1]
            found = [one for part in parts if (one := self._refer(column, part, record)) is not None]
            if len(parts) > 1 and name in self._kind.several:
                row.values[self._kind.several[name]] = tuple(dict.fromkeys(found))
            elif found:
                row.values[self._kind.references.get(name, name)] = found[0]
        elif (read_list := self._kind.list_readers.get(name)) is not None:
            row.values[name] = read_list(text, self._forms.find(name, ValueKind.VALUES) or TAG_SEPARATOR)
        elif (read := self._kind.readers.get(name)) is not None:
            if name in self._kind.single_values and SEVERAL in text:
                text = text.partition(SEVERAL)[0].strip()
                self._warned.add(Warned(column.header, FIRST_TAKEN))
            kind = self._kinds.get(name)
            if kind is ValueKind.NUMBER and self._forms.find(name, kind) is None:
                require_sure_number(text)
            row.values[name] = read(text if kind is None else self._forms.read(name, kind, text))
        else:
            key = name.removeprefix(CUSTOM_PREFIX)
            kind = self._kinds.get(name)
            plain = text if kind is None else self._forms.read(name, kind, text)
            row.custom_data[key] = self._found.definitions.parse_text(key, plain)

    def _refer(self, column: Column, text: str, record: Record) -> UUID | None:
        name = column.field
        if name in self._of_ids:
            return self._found.require_id(name, read_id(text))
        key = self._make_key(column, text, record)
        if name == COMPANY and self._found.named[name][key] in {None, NO_COMPANY}:
            self._warned.add(Warned(column.header, _OF_MISSING[self._job.options.on_missing_company]))
        return self._found.find_named(name, key)

    def _make_key(self, column: Column, text: str, record: Record) -> NameKey:
        return self._kind.make_name_key(column.field, text, reading(record, self._indexes))

    def _is_named_by_id(self, column: Column, text: str, record: Record, present: Mapping[str, str]) -> bool:
        """Return whether the column of ids beside a name's says something new, so that it counts.

        Raises ValueError where the name is another's: one of the two is not what its writer meant.
        """
        exact = self._exact.get(column.field)
        written = "" if exact is None else to_text(record.cells[exact.index])
        if exact is None or not written or written == present.get(exact.field):
            return False
        named = self._found.named.get(column.field, {}).get(self._make_key(column, text, record))
        if isinstance(named, UUID) and str(named) != written.lower():
            raise ValueError(f"names another than {exact.header} does: leave one of the two as it was, or empty")
        if isinstance(named, str):
            self._warned.add(Warned(column.header, f"some cells name nobody for certain: {exact.header} counts"))
        return True

    def _require_whole(self, column: Column, text: str) -> None:
        """Raise ValueError for a text that is not what its writer meant."""
        if "\x00" in text:
            raise ValueError("holds a character that can't be stored")
        if not text.isascii():
            if LOST_LETTER in text:
                raise ValueError("holds U+FFFD, which stands for a letter that was lost: write it anew")
            if self._job.options.is_encoding_guessed and (meant := find_misread(text)) is not None:
                raise ValueError(f"is perhaps {meant!r} in UTF-8: state the file's encoding")
        if ("\n" in text or "\r" in text) and self._is_swallowing(column, text):
            raise ValueError("looks like rows of the file: is a quote never closed?")

    def _is_swallowing(self, column: Column, text: str) -> bool:
        marks = len(self._job.columns) - 1
        if not marks:
            return False
        lines = text.splitlines()[1:]
        looks = [line for line in lines if line.count(self._job.delimiter) == marks]
        if marks + 1 >= _SURE_COLUMNS or any("@" in line for line in looks):
            return bool(looks)
        if looks:
            self._warned.add(Warned(column.header, "some cells look like rows of the file: is a quote never closed?"))
        return False


def _is_plain(record: Record) -> bool:
    """Tell at once of most rows that none of their cells can hold what is looked for in each of others."""
    text = "".join(record.cells)
    return text.isascii() and "\n" not in text and "\r" not in text and "\x00" not in text


def find_kinds(kind: AnyAdapter, found: Found) -> dict[str, ValueKind]:
    """Return which fields' values files write in several ways, by column."""
    fields = found.definitions.fields.values()
    custom = {CUSTOM_PREFIX + one.key: _KINDS[one.field_type] for one in fields if one.field_type in _KINDS}
    return {**kind.forms, **custom}


def reading(record: Record, indexes: Mapping[str, int]) -> Callable[[str], str]:
    """Return what reads a row's cells by field."""

    def read(name: str) -> str:
        index = indexes.get(name)
        return "" if index is None else to_text(record.cells[index])

    return read


def to_text(cell: str) -> str:
    """Return what the cell says: without the spaces round it, and without what an export has put before it."""
    if not cell or not ("'" in cell[:2] or cell[0].isspace() or cell[-1].isspace()):
        return cell
    return from_cell(cell.strip()).strip()


def list_missing_values(custom_data: dict[str, Any], found: Found) -> list[tuple[str, str]]:
    """Return the custom fields that a new record must have and that a row lacks, each with the reason."""
    try:
        found.definitions.check(custom_data, partial=False)
    except InvalidField as refusal:
        return [
            (CUSTOM_PREFIX + one.pointer.removeprefix("/custom_data").removeprefix("/"), one.detail)
            for one in refusal.errors
        ]
    return []
