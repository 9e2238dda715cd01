"""Reports as CSV, for spreadsheets: RFC 4180, UTF-8, and no cell that a spreadsheet would run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from crm_shared.http.exports import write_in_turns
from crm_shared.spreadsheets import CSV_TYPE, attachment, write_rows

CSV: Final = "text/csv"
JSON: Final = "application/json"


def prefers_csv(accept: str | None) -> bool:
    """Return whether an Accept header wants CSV more than JSON. Without a preference JSON is the answer."""
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


async def reply_csv(
    name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], shared: Mapping[str, Any]
) -> Response:
    """Answer with `rows`, a header line first. `name` is the file's, without its ending; a null is an empty cell.

    `shared` is what the rows have in common; a row's own value goes before.
    """
    lines = ([row[column] if column in row else shared[column] for column in columns] for row in rows)
    text = [write_rows([columns]), *[piece async for piece in write_in_turns(lines)]]
    return Response(b"".join(text), media_type=CSV_TYPE, headers={**attachment(name), "Vary": "Accept"})
