"""Reads a CSV file record by record as its bytes arrive; lines are counted as an editor shows them."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from crm_shared.features.imports.encodings import SHOWN, choose_errors, find_wrong_byte, mark_wrong_bytes
from crm_shared.features.imports.file_formats import MAX_CELL_CHARACTERS, UNSEEN, find_named_delimiter
from crm_shared.features.imports.problems import RowProblem
from crm_shared.text import to_nfc

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


UNCLOSED: Final = (
    "a cell has more than {:,} characters: a quote is perhaps never closed, in lines {} to {}; "
    "the line as it stands is behind the last column"
)
BROKEN: Final = (
    "its quoting is broken, in lines {} to {}: a quote is not closed, or text stands behind a closing one; "
    "the line as it stands is behind the last column"
)
BROKEN_HERE: Final = (
    "its quoting is broken: a quote is not closed, or text stands behind a closing one; "
    "the line as it stands is behind the last column"
)
MAX_ROW_CHARACTERS: Final = 1_000_000
"""Of all cells together: more than all fields of a record take."""
TOO_LONG: Final = f"has more than {MAX_ROW_CHARACTERS:,} characters; its cells are cut off here"
_SHOWN: Final = 100
_CUT_OFF: Final = "cut off"
_SPREADSHEET_CELL: Final = 32_000
"""Spreadsheets hold some more characters in a cell, and drop what is over."""
WRONG_BYTE: Final = "holds the byte {:02X}, which is no letter of the file's encoding ({})"


class Record(NamedTuple):
    """One record: `line` is where it begins, from 1; a quoted cell may go on over several.

    `missing`: cells that it lacks at its end. Excel leaves out those that are empty; a line that was broken lacks some
    too.
    """

    line: int
    cells: list[str]
    missing: int = 0


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


class _Lines:
    """The file's lines, of which those of the record that is being read are kept."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._is_first = True
        self.of_record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        if self._is_first:
            self._is_first, line = False, line.lstrip(UNSEEN)  # a mark before a quote would make it a letter
        self.of_record.append(line)
        return line


class RecordReader:
    """The records after the header. `taken_bytes`: how much of the file has been read for them."""

    def __init__(self, next_piece: Callable[[], bytes], *, encoding: str, delimiter: str, width: int) -> None:
        self._pieces = _Pieces(next_piece)
        self._encoding = encoding
        # newline="": a line's end inside quotes stays as it is.
        text = io.TextIOWrapper(
            io.BufferedReader(self._pieces, 65536), encoding, errors=choose_errors(encoding), newline=""
        )
        csv.field_size_limit(MAX_CELL_CHARACTERS)
        self._lines = _Lines(text)
        # strict: without it, what stands behind a closing quote is glued on, and people vanish in a cell.
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self._width = width

    @property
    def taken_bytes(self) -> int:
        return self._pieces.taken_bytes

    def __iter__(self) -> Iterator[Record | RowProblem]:
        """Yield each record that holds anything, as wide as the header; a RowProblem for each line that is none."""
        is_header = True
        while True:
            line = self._reader.line_num + 1
            self._lines.of_record.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield from self._list_broken(line, is_unclosed="field larger" in str(error))
                continue
            text = "".join(cells)
            if not text.strip():
                continue  # spreadsheets leave such lines behind
            if is_header:
                is_header = line == 1 and find_named_delimiter(self._lines.of_record[0]) is not None
                continue
            if len(text) > MAX_ROW_CHARACTERS:
                yield self._refuse_length(line, cells)
            elif text.isascii():
                yield self._fit(line, cells)
            elif (wrong := find_wrong_byte(text)) is not None:
                yield self._refuse_byte(line, cells, wrong)
            else:
                yield self._fit(line, [to_nfc(cell) for cell in cells])

    def _list_broken(self, line: int, *, is_unclosed: bool) -> Iterator[RowProblem]:
        """Refuse each line of a record whose quoting is broken: rows may have been swallowed, so none is guessed at."""
        lines = list(self._lines.of_record)
        last = line + len(lines) - 1
        reason = BROKEN_HERE if last == line else BROKEN.format(line, last)
        if is_unclosed:
            reason = UNCLOSED.format(MAX_CELL_CHARACTERS, line, last)
        for number, text in enumerate(lines, line):
            if len(text) > MAX_ROW_CHARACTERS:
                yield self._refuse_length(number, [text])
            elif text.strip():
                whole = mark_wrong_bytes(text.rstrip("\r\n"))
                parts = [whole[at : at + _SPREADSHEET_CELL] for at in range(0, len(whole), _SPREADSHEET_CELL)]
                yield RowProblem(number, "", reason, self._put_behind(parts))

    def _refuse_length(self, line: int, cells: list[str]) -> RowProblem:
        shown = [mark_wrong_bytes(cell[:_SHOWN]) for cell in cells[: self._width]]
        return RowProblem(line, "", TOO_LONG, self._put_behind([_CUT_OFF], shown))

    def _put_behind(self, parts: list[str], cells: Sequence[str] = ()) -> list[str]:
        """Put text behind the last column: a row that could not be read must not pass for one that could."""
        return [*cells, *[""] * (self._width - len(cells)), *parts]

    def _refuse_byte(self, line: int, cells: list[str], byte: int) -> RowProblem:
        reason = WRONG_BYTE.format(byte, SHOWN.get(self._encoding, self._encoding))
        return RowProblem(line, "", reason, [mark_wrong_bytes(one) for one in cells])

    def _fit(self, line: int, cells: list[str]) -> Record | RowProblem:
        if len(cells) == self._width:
            return Record(line, cells)
        rest = cells[self._width :]
        if any(cell.strip() for cell in rest):
            return RowProblem(line, "", f"has {len(cells)} cells, the header has {self._width}", cells)
        missing = self._width - len(cells)
        if missing > 0:
            return Record(line, cells + [""] * missing, missing)
        return Record(line, cells[: self._width])
