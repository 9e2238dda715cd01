"""Reports as CSV, for spreadsheets: RFC 4180, UTF-8, and no cell that a spreadsheet would run."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

CSV: Final = "text/csv"
JSON: Final = "application/json"

# What makes a spreadsheet take a text for a formula (OWASP, "CSV Injection"). An apostrophe before it makes it text.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def prefers_csv(accept: str | None) -> bool:
    """Tell whether an Accept header wants CSV more than JSON. Without a preference JSON is the answer."""
    qualities = dict(_read_range(part) for part in (accept or "*/*").split(","))
    of_any = qualities.get("*/*", 0.0)
    of_csv = qualities.get(CSV, qualities.get("text/*", of_any))
    of_json = qualities.get(JSON, qualities.get("application/*", of_any))
    return of_csv > of_json or (CSV in qualities and of_csv == of_json > 0 and JSON not in qualities)


def _read_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((piece[2:] for piece in parameters if piece.lower().startswith("q=")), "1")
    try:
        return name.lower(), float(quality)
    except ValueError:
        return name.lower(), 0.0


def to_cell(value: object) -> object:
    """Disarm a text that a spreadsheet would run; numbers, ids and instants are never harmful."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def reply_csv(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Response:
    """Answer with `rows`, a header line first. `name` is the file's, without its ending; a null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([to_cell(row[column]) for column in columns] for row in rows)
    return Response(
        text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"},
    )
