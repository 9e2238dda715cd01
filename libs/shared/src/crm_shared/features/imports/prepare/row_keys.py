"""What a row names its record by, in the order that the import says. Pure."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import, ImportMode
from crm_shared.features.imports.error_files import RowKey as FailedRow
from crm_shared.features.imports.error_files import read_key
from crm_shared.features.imports.prepare.cells import Column, reading
from crm_shared.features.imports.records import Record
from crm_shared.features.imports.references import RowKey
from crm_shared.text import is_storable

_OF_OTHERS: Final = frozenset({"external_id", "message_id"})


class NamedRows:
    """What the lines of a file so far have named: kept as hashes, and alike whatever chunks they were in."""

    def __init__(self) -> None:
        self._marks: set[int] = set()

    def add(self, names: Iterable[Hashable]) -> frozenset[Hashable]:
        """Return those of the names that an earlier line has too, and remember all."""
        marks = {name: hash(name) for name in names}
        again = frozenset(name for name, mark in marks.items() if mark in self._marks)
        self._marks.update(marks.values())
        return again


class TriedRows:
    """The unique values that a dry run's rows would have taken, chunk by chunk: each chunk's own writing is undone."""

    def __init__(self, keys: "KeyReader") -> None:
        self._keys = keys
        self._before: set[int] = set()
        self._of_chunk: set[int] = set()

    def find(self, record: Record, found_by: str | None) -> str | None:
        """Return the property, `found_by` first, of which a row before this chunk has the same value too.

        The row's own are remembered.
        """
        marks = {key.field: hash(key) for key in self._keys.read_unique(record)}
        met = [name for name, mark in marks.items() if mark in self._before]
        self._of_chunk.update(marks.values())
        return found_by if found_by in met else next(iter(met), None)

    def add_cells(self, record: Record) -> None:
        """Remember a row that was tried before this process began."""
        self._before |= {hash(key) for key in self._keys.read_unique(record)}

    def end_chunk(self) -> None:
        self._before |= self._of_chunk
        self._of_chunk.clear()


def find_failed(text: str) -> FailedRow | None:
    """Return the row of an errors file that a cell names; None where it is none, as reading the row will say."""
    try:
        return read_key(text.strip())
    except ValueError:
        return None


def fold_key(key: RowKey) -> RowKey:
    """Return the key as it is compared: others' ids as they are, all else without its letters' case."""
    value = key.value if key.field in _OF_OTHERS else key.value.casefold()
    return RowKey(key.field, value, key.first_name.casefold(), key.last_name.casefold())


class KeyReader:
    """Reads the keys of one import's rows. `row_context`: what its kind needs for those that several may have."""

    def __init__(self, job: Import, kind: AnyAdapter, columns: Sequence[Column]) -> None:
        self._kind = kind
        self._by = () if job.mode is ImportMode.CREATE else job.match_by
        self._unique = [name for name in self._by if name in kind.id_properties]
        self._columns = {column.field: column.index for column in columns}
        self._one_each = [name for name in kind.id_properties if name != "id"]
        self.row_context: Any = None

    @property
    def needs_row_context(self) -> bool:
        return any(name in self._kind.unsure for name in self._by)

    def list_keys(self, record: Record) -> list[RowKey]:
        return [key for name in self._by if (key := self._find_key(record, name)) is not None]

    def find_unique(self, values: Mapping[str, Any], found_by: str | None = None) -> tuple[str, str] | None:
        """Return the property, `found_by` first, and its value, by which only the row's own record can be found."""
        names = self._unique if found_by not in self._unique else [found_by, *self._unique]
        return next(((name, str(values[name])) for name in names if name in values), None)

    def read_unique(self, record: Record) -> list[RowKey]:
        """Return all that only one record may have, in the form in which it is compared."""
        keys = (self._find_key(record, name) for name in self._one_each)
        return [fold_key(key) for key in keys if key is not None]

    def _find_key(self, record: Record, name: str) -> RowKey | None:
        read = reading(record, self._columns)
        key = self._kind.make_row_key(name, read, self.row_context) if read(name) else None
        return key if key is None or all(map(is_storable, key)) else None  # reading the row will say why
