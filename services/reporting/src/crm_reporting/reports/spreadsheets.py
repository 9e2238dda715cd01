"""Reports as CSV, for spreadsheets: RFC 4180, UTF-8, and no cell that a spreadsheet would run."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from crm_shared.spreadsheets import to_cell

CSV: Final = "text/csv"
JSON: Final = "application/json"


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


def reply_csv(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Response:
    """Answer with `rows`, a header line first. `name` is the file's, without its ending; a null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_write(row[column]) for column in columns] for row in rows)
    return Response(
        text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"},
    )


def _write(value: object) -> object:
    """Write an instant as JSON does, and disarm texts."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else to_cell(value)
