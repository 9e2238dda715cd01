"""Answers of reports: JSON, or CSV for whom Accept says so, and from which database they were read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fastapi import Response

from crm_reporting.replica.sources import ReportSource
from crm_reporting.reports.spreadsheets import CSV, prefers_csv, reply_csv
from crm_shared.http.context import RequestContext

SOURCE_HEADER: Final = "Crm-Source"

CSV_TOO: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}
"""Stands in a report's `responses`, beside the JSON that its model describes."""


async def reply_report(
    context: RequestContext,
    source: ReportSource,
    name: str,
    report: Mapping[str, Any],
    *,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]] | None = None,
) -> Response:
    """Answer with a report. `columns` are the CSV's: of `rows`, else of its items, beside what they have in common."""
    if prefers_csv(context.request.headers.get("accept")):
        shared = {key: _to_cell(value) for key, value in report.items() if key != "items"}
        found = report["items"] if rows is None else rows
        response = await reply_csv(name, columns, found, shared)
    else:
        response = await context.reply_json(report)
    response.headers[SOURCE_HEADER] = source.name
    return response


def _to_cell(value: object) -> object:
    return " ".join(str(part) for part in value) if isinstance(value, list | tuple) else value
