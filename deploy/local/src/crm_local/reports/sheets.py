"""Turns a report's answer into what is printed: titles, rows, bars, warnings. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm_local.reports.catalogue import REPORTS, Report, ReportName
from crm_local.reports.cells import RATES, Names, is_text, to_cell, to_heading, to_line, to_number

Row = Mapping[str, Any]
ACTIVITIES = ("calls", "emails", "meetings", "notes", "tasks_done")
HIDDEN = frozenset({"reasons"})
LOST_REASON = "lost_reason"


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Grid:
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Bar:
    """`length` is None where there is no figure."""

    label: str
    length: Decimal | None
    shown: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """`full`: what the longest bar that there may be stands for, None where there is no such bound."""

    title: str
    grids: Sequence[Grid]
    caption: str
    bars: Sequence[Bar]
    full: Decimal | None
    warnings: Sequence[str]
    footer: str


def to_sheet(name: ReportName, answer: Row, names: Names, *, source: str | None) -> Sheet:
    """Return what is printed of an answer. `source`: the database it was read from, as Crm-Source calls it."""
    report = REPORTS[name]
    rows, grouped = _list_rows(name, answer), answer.get("group_by")
    grids = [_to_grid(rows, names, grouped)]
    if answer.get("users"):
        grids.append(_to_grid(answer["users"], names, None))
    return Sheet(
        _to_title(report, answer),
        [grid for grid in grids if grid.rows],
        "lost" if answer.get("group_by") == LOST_REASON else report.caption,
        _list_bars(name, report, answer, rows, names),
        Decimal(1) if _choose_figure(report, answer) in RATES else None,
        _list_warnings(answer),
        _to_footer(answer, source),
    )


def list_unnamed(answer: Row) -> tuple[set[str], set[str]]:
    """Return the ids of users and of stages that the answer has no names beside."""
    rows = [*answer.get("items", [answer]), *answer.get("users", [])]
    users = {row["user_id"] for row in rows if "user_id" in row and "user_name" not in row}
    stages = {row[field] for row in rows for field in ("from_stage_id", "to_stage_id") if field in row}
    return users, stages


def _list_rows(name: ReportName, answer: Row) -> list[Row]:
    # A pair of stages that was asked for is the whole answer.
    items: list[Row] = answer.get("items") or ([] if "items" in answer else [_omit(answer, "pipeline_id", "as_of")])
    if name is ReportName.MOVEMENT:
        return [{"bucket": "start", **answer["start"]}, *items, {"bucket": "end", **answer["end"]}]
    if name is ReportName.STAGE_AGE:
        return [_flatten(item) for item in items]
    if name is ReportName.ATTAINMENT and items:
        return [*items, {"user_id": None, "user_name": "total", **answer["total"]}]
    return items


def _omit(row: Row, *fields: str) -> Row:
    return {field: value for field, value in row.items() if field not in fields}


def _flatten(row: Row) -> Row:
    flat: dict[str, Any] = {}
    for field, value in row.items():
        flat |= {f"{field}_{inner}": of for inner, of in value.items()} if isinstance(value, dict) else {field: value}
    return flat


def _list_fields(rows: Sequence[Row], grouped: str | None) -> list[str]:
    fields = list(dict.fromkeys(field for row in rows for field in row if field not in HIDDEN))
    named = {field.removesuffix("_name") + "_id" for field in fields if field.endswith("_name")}
    if "group" in fields and "owner_name" in fields:
        # By owner the group is the owner's id; by anything else there is no owner's name.
        named.add("group" if grouped == "owner" else "owner_name")
    if "group" in fields and grouped is None:
        named |= {"group", "owner_name"}
    return [field for field in fields if field not in named]


def _to_grid(rows: Sequence[Row], names: Names, grouped: str | None) -> Grid:
    fields = _list_fields(rows, grouped)
    headings = {"group": (grouped or "group").replace("_", " ")}
    columns = [Column(headings.get(field) or to_heading(field), is_text(field)) for field in fields]
    return Grid(columns, [[_read(row, field, names) for field in fields] for row in rows])


def _read(row: Row, field: str, names: Names) -> str:
    """Return what stands under `field`: for a name that is not known the id that is beside it."""
    if row.get(field) is None and field.endswith("_name"):
        field = next((beside for beside in (field.removesuffix("_name") + "_id", "group") if beside in row), field)
    return to_cell(field, row.get(field), names)


def _to_title(report: Report, answer: Row) -> str:
    parts = [report.title]
    if answer.get("group_by"):
        parts[0] += f" by {answer['group_by'].replace('_', ' ')}"
    if "from" in answer:
        parts.append(f"{to_cell('at', answer['from'], {})} to {to_cell('at', answer['to'], {})}")
    if "currency" in answer:
        parts.append(answer["currency"])
    return ", ".join(parts)


def _list_bars(name: ReportName, report: Report, answer: Row, rows: Sequence[Row], names: Names) -> list[Bar]:
    figure, charted = _choose_figure(report, answer), rows
    if name is ReportName.ACTIVITY_METRICS:
        charted = _sum_activities(rows)
    elif name is ReportName.MOVEMENT or "total" in answer:
        charted = answer["items"]
    return [
        Bar(_to_label(report, row, answer, names), to_number(row[figure]), to_cell(figure, row[figure], names))
        for row in charted
    ]


def _choose_figure(report: Report, answer: Row) -> str:
    # By reason there are lost deals alone: each rate is 0.
    return "lost" if answer.get("group_by") == LOST_REASON else report.figure


def _to_label(report: Report, row: Row, answer: Row, names: Names) -> str:
    if "group" in row and answer.get("group_by") is None:
        return "all"
    fields = ("owner_name",) if answer.get("group_by") == "owner" else report.labels
    return " to ".join(_read(row, field, names) for field in fields)


def _sum_activities(rows: Sequence[Row]) -> list[Row]:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["user_id"]] = sums.get(row["user_id"], 0) + sum(row[kind] for kind in ACTIVITIES)
    return [{"user_id": user_id, "activities": count} for user_id, count in sums.items()]


def _list_warnings(answer: Row) -> list[str]:
    warnings = []
    if missing := answer.get("missing_rates"):
        warnings.append(f"No exchange rate for {', '.join(missing)}: that money is left out")
    if left_out := answer.get("left_out"):
        warnings.append(f"{left_out:,} lost deals of rarer reasons are left out")
    reasons = {
        (figure, reason)
        for row in [*answer.get("items", []), answer.get("total", {})]
        for figure, reason in row.get("reasons", {}).items()
    }
    return warnings + [f"no {figure}: {reason}" for figure, reason in sorted(reasons)]


def _to_footer(answer: Row, source: str | None) -> str:
    parts = [f"as of {to_cell('at', answer['as_of'], {})}"] if "as_of" in answer else []
    if source:
        parts.append(f"read from the {to_line(source)} database")
    return ", ".join(parts)
