"""Reads a CSV file record by record as its bytes arrive; lines are counted as an editor shows them."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from crm_contacts.imports.domain import RowProblem
from crm_contacts.imports.formats import MAX_CELL_CHARACTERS
from crm_shared.text import to_nfc

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


UNCLOSED: Final = "a cell has more than {:,} characters: its quote is perhaps never closed. Read on after line {}"


class Record(NamedTuple):
    """One record: `line` is where it begins, from 1; a quoted cell may go on over several."""

    line: int
    cells: list[str]


class _Pieces(io.RawIOBase):
    """A file whose bytes come piece by piece; `next_piece` gives b"" at the end."""

    def __init__(self, next_piece: Callable[[], bytes]) -> None:
        self._next_piece = next_piece
        self._rest = memoryview(b"")
        self.taken_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._rest:
            self._rest = memoryview(self._next_piece())
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.taken_bytes += count
        return count


class RecordReader:
    """The records after the header. `taken_bytes`: how much of the file has been read for them."""

    def __init__(self, next_piece: Callable[[], bytes], *, encoding: str, delimiter: str, width: int) -> None:
        self._pieces = _Pieces(next_piece)
        # newline="": a line's end inside quotes stays as it is. Text is shown, so a wrong byte becomes U+FFFD.
        text = io.TextIOWrapper(io.BufferedReader(self._pieces, 65536), encoding, errors="replace", newline="")
        csv.field_size_limit(MAX_CELL_CHARACTERS)
        self._reader = csv.reader(text, delimiter=delimiter)
        self._width = width

    @property
    def taken_bytes(self) -> int:
        return self._pieces.taken_bytes

    def __iter__(self) -> Iterator[Record | RowProblem]:
        """Give each record that holds anything, as wide as the header; a RowProblem for one that can't be read."""
        is_header = True
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error:
                yield RowProblem(line, "", UNCLOSED.format(MAX_CELL_CHARACTERS, self._reader.line_num))
                continue
            text = "".join(cells)
            if not text.strip():
                continue  # spreadsheets leave such lines behind
            if not text.isascii():
                cells = [to_nfc(cell) for cell in cells]
            if is_header:
                is_header = False
                continue
            yield self._fit(line, cells)

    def _fit(self, line: int, cells: list[str]) -> Record | RowProblem:
        if len(cells) == self._width:
            return Record(line, cells)
        rest = cells[self._width :]
        if len(cells) < self._width or any(cell.strip() for cell in rest):
            return RowProblem(line, "", f"has {len(cells)} cells, the header has {self._width}", cells)
        return Record(line, cells[: self._width])
