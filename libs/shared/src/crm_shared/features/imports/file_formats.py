"""What a file is written in beside its encoding: the delimiter, and where its table begins. Pure."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from crm_shared.features.imports.encodings import choose_errors, find_wrong_byte
from crm_shared.refusals import InvalidField
from crm_shared.spreadsheets import from_cell
from crm_shared.text import to_nfc

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_COLUMNS: Final = 1000
MAX_CELL_CHARACTERS: Final = 131_072
"""Longer ones are taken for a quote that was never closed. No field of ours takes as many."""
SAMPLED_ROWS: Final = 200

# Excel's own first line, which says how the file is parted. It reads it itself, and writes none.
_NAMED_DELIMITER: Final = re.compile(r'"?sep=(.)"?[,;|\t]*\Z', re.IGNORECASE)
# Marks of the text that nobody sees: byte order, width and direction.
UNSEEN: Final = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060"
EDGES: Final = UNSEEN + " \t\r\n\u00a0"
_VCARD: Final = re.compile(r"BEGIN:VCARD\b", re.IGNORECASE)


class Beginning(NamedTuple):
    """A file's header and its first rows, as far as they are well formed. `skipped`: records before the header."""

    header: list[str]
    delimiter: str
    sample: Sequence[Sequence[str]]
    skipped: int = 0
    header_text: str = ""


def require_delimiter(text: str) -> str:
    """Return the delimiter that the caller states; `tab` names the tab. Raises InvalidField."""
    delimiter = {"tab": "\t"}.get(text.lower(), text)
    if delimiter not in DELIMITERS:
        raise InvalidField.at("/delimiter", "takes one of , ; | and tab")
    return delimiter


def find_named_delimiter(first: str) -> str | None:
    """Return the delimiter that a `sep=` line names, None for any other line."""
    match = _NAMED_DELIMITER.match(first[:20].strip(UNSEEN + " \r\n"))
    return match[1] if match is not None and match[1] in DELIMITERS else None


def list_delimiters(header: str) -> list[str]:
    """Return those that part the text of a header."""
    return [one for one in DELIMITERS if one in header]


def sniff_delimiter(text: str) -> str:
    """Choose the delimiter that parts the first record into most columns; a comma where none does."""
    counts = {one: len(next(csv.reader(io.StringIO(text, newline=""), delimiter=one), [])) for one in DELIMITERS}
    return max(DELIMITERS, key=lambda one: counts[one])


def read_beginning(beginning: bytes, encoding: str, delimiter: str | None) -> Beginning:
    """Read the header, the delimiter and the first rows of a file's first piece.

    Raises InvalidField at /file when there is no header or it can't be read.
    """
    text = beginning.decode(encoding, errors=choose_errors(encoding)).lstrip(UNSEEN)
    if _VCARD.match(text.lstrip()):
        raise InvalidField.at("/file", "is a vCard, not a table: export the contacts as CSV")
    seen = (line for line in io.StringIO(text, newline="") if line.strip(EDGES))
    lines = list(islice(seen, _HEADER_LINES + SAMPLED_ROWS))
    if not lines:
        raise InvalidField.at("/file", "is empty")
    if "\x00" in lines[0]:
        raise InvalidField.at("/file", "is not a text file")
    named = find_named_delimiter(lines[0])
    if named is not None:
        lines = lines[1:]
    try:
        chosen = delimiter or named or sniff_delimiter("".join(lines[:_HEADER_LINES]))
        reader = csv.reader(lines, delimiter=chosen, strict=True)
        cells = next(reader, [])
    except csv.Error as error:
        raise InvalidField.at("/file", f"has a header that can't be read: {error}") from None
    header = _to_header(cells)
    sample = _read_sample(reader, len(header))
    return Beginning(header, chosen, sample, int(named is not None), lines[0][:MAX_COLUMNS])


_HEADER_LINES: Final = 100


def read_name(text: str) -> str:
    """Return a column's name in NFC; an errors file disarms headers too."""
    return to_nfc(from_cell(text))


def _to_header(cells: Sequence[str]) -> list[str]:
    header = [read_name(cell.strip(EDGES)) for cell in cells]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InvalidField.at("/file", "has no header")
    if len(header) > MAX_COLUMNS:
        raise InvalidField.at("/file", f"has {len(header)} columns; {MAX_COLUMNS} are read at most")
    if any(find_wrong_byte(cell) is not None for cell in header):
        raise InvalidField.at("/file", "has a header with bytes that are no letters of its encoding; state encoding")
    return header


def _read_sample(reader: Iterator[list[str]], width: int) -> list[list[str]]:
    """Return the first rows that are as wide as the header; one that the piece cuts off is left out."""
    sample: list[list[str]] = []
    try:
        for cells in reader:
            if len(cells) == width:
                sample.append([cell.strip(EDGES) for cell in cells])
            if len(sample) == SAMPLED_ROWS:
                break
    except csv.Error:
        return sample
    return sample[:-1] if len(sample) > 1 and len(sample) < SAMPLED_ROWS else sample
