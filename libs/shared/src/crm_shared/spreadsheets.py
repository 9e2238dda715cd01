"""CSV for spreadsheets: RFC 4180, no cell that a spreadsheet would run, and the same text again when it comes back."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

CSV_TYPE: Final = "text/csv; charset=utf-8"

# What makes a spreadsheet take a text for a formula (OWASP, "CSV Injection"). An apostrophe before it makes it text.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Apostrophes of the text's own before such a start get one more, so that taking one away is exact.
_TO_DISARM: Final = re.compile("\\A'*[" + re.escape("".join(FORMULA_STARTS)) + "]")
_DISARMED: Final = re.compile("\\A'+[" + re.escape("".join(FORMULA_STARTS)) + "]")


def write_moment(moment: datetime) -> str:
    """Write an instant as JSON does."""
    return moment.isoformat().replace("+00:00", "Z")


def to_cell(value: object) -> object:
    """Disarm a text that a spreadsheet would run, and write an instant as JSON does; all else is never harmful."""
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, str) and _TO_DISARM.match(value):
        return f"'{value}"
    return value


def from_cell(text: str) -> str:
    """Return the text that `to_cell` has written as `text`. What nobody disarmed stays as it is."""
    return text[1:] if text.startswith("'") and _DISARMED.match(text) else text


PIECE_ROWS: Final = 100
"""Of a file, read or written without letting others have the event loop."""

PIECE_CHARS: Final = 262_144
"""Of such rows, where they are long: csv writes some fifty a microsecond."""


def write_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """Write lines of a file in UTF-8, each text disarmed; a null is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([to_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def count_chars(row: Sequence[object]) -> int:
    """Return how long the texts of a row are."""
    return sum(len(cell) for cell in row if isinstance(cell, str))


def attachment(name: str) -> Mapping[str, str]:
    """Return the headers of a download; `name` is the file's, without its ending."""
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}
