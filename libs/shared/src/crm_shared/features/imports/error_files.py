"""The file of rows that failed: each once, with all that is wrong with it, to be mended and sent again. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_shared.spreadsheets import from_cell

KEY_COLUMN: Final = "import_row"
COLUMNS: Final = ("line", "field", "reason", KEY_COLUMN)
"""What stands before a row's own cells. The last names the row: whoever takes it in remembers it by that."""


class RowKey(NamedTuple):
    """A row that has failed: that of a line in the file of an import."""

    source_id: UUID
    line: int


def find_columns(header: Sequence[str]) -> list[int]:
    """Return where an errors file's own columns stand; none in any other file."""
    return [header.index(name) for name in COLUMNS if name in header] if KEY_COLUMN in header else []


def read_key(text: str) -> RowKey:
    """Read a row's name. Raises ValueError for what is none."""
    source, _, line = text.partition(":")
    if not line.isdecimal() or len(line) > _LONGEST_LINE:
        raise ValueError("names no row of an errors file")
    try:
        return RowKey(UUID(source), int(line))
    except ValueError:
        raise ValueError("names no row of an errors file") from None


_LONGEST_LINE: Final = 12


class ErrorLines:
    """Makes the file's lines. `header` is that of the file that was sent; one that was mended before keeps its keys."""

    def __init__(self, import_id: UUID, header: Sequence[str]) -> None:
        self._import_id = import_id
        ours = find_columns(header)
        self._ours = frozenset(ours)
        self._key_at = ours[-1] if ours else None
        self.header = [*COLUMNS, *(name for number, name in enumerate(header) if number not in self._ours)]
        self._held: list[Mapping[str, Any]] = []

    def feed(self, problems: Iterable[Mapping[str, Any]]) -> Iterator[list[object]]:
        """Take problems in the file's order; yield each row that is complete."""
        for problem in problems:
            if self._held and self._held[0]["line"] != problem["line"]:
                yield self._join()
            self._held.append(problem)

    def end(self) -> Iterator[list[object]]:
        if self._held:
            yield self._join()

    def _join(self) -> list[object]:
        held, self._held = self._held, []
        first = held[0]
        cells = first["cells"]
        key = cells[self._key_at] if self._key_at is not None and self._key_at < len(cells) else ""
        reasons = [one["reason"] if len(held) == 1 else f"{one['field']}: {one['reason']}" for one in held]
        fields = dict.fromkeys(one["field"] for one in held)
        # Cells are as the file has them: one that is disarmed already would be disarmed twice, and come back changed.
        own = [from_cell(cell) for number, cell in enumerate(cells) if number not in self._ours]
        return [first["line"], "; ".join(fields), "; ".join(reasons), key or f"{self._import_id}:{first['line']}", *own]
