"""What `crm report` makes of an answer: rows, bars, warnings, and how they are printed."""

import io
from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len

from crm_local.reports.bars import draw, share_room
from crm_local.reports.catalogue import ReportName
from crm_local.reports.cells import to_cell, to_heading, to_line
from crm_local.reports.sheets import list_unnamed, to_sheet
from crm_local.reports.terminal import open_console, print_sheet

RAE, OTTO = "01a2261d-b401-74d8-a2d4-bdc3a1d194e6", "01a2261d-bb00-715a-81fa-b23a4745ec59"
STAGES = ("77a18ee4-e756-55e4-8b56-1632dc79cc18", "d8b79f93-2788-5d0f-9a61-b960e13556ad")
AS_OF = "2026-11-29T07:03:59.761327Z"


def stage(at: int, name: str, **figures: Any) -> dict[str, Any]:
    return {"stage_id": STAGES[at], "stage_name": name, **figures}


def stays(count: int, days: float | None) -> dict[str, Any]:
    return {"count": count, "average_days": days, "median_days": days, "p90_days": days}


PIPELINE = {
    "pipeline_id": RAE,
    "as_of": AS_OF,
    "currency": "EUR",
    "items": [
        stage(0, "Qualification", kind="OPEN", deal_count=1203, total="1072950.05", average_age_days=4.26),
        stage(1, "Closed Won", kind="WON", deal_count=1, total=None, average_age_days=None),
    ],
    "missing_rates": ["CHF", "USD"],
}
MOVEMENT = {
    "from": "2026-11-22T07:04:00.121001Z",
    "to": AS_OF,
    "currency": "EUR",
    "start": {"deal_count": 1, "amount": "100.00", "weighted": "10.00"},
    "items": [
        {"bucket": "created", "deal_count": 1, "amount": "300.00"},
        {"bucket": "moved_out", "deal_count": 1, "amount": "-100.00"},
    ],
    "end": {"deal_count": 1, "amount": "300.00", "weighted": "30.00"},
    "missing_rates": [],
    "as_of": AS_OF,
}
CONVERSION = {"from_stage_id": STAGES[0], "to_stage_id": STAGES[1], "entered": 4, "converted": 2, "rate": 0.5}
ATTAINED = {"quota": "30000.00", "won": "10000.00", "attainment": 0.3333, "open": "25000.00", "coverage": 1.25}
UNSET = {"quota": "0.00", "won": "0.00", "attainment": None, "open": "5.00", "coverage": None}
NO_QUOTA = {"attainment": "there is no quota", "coverage": "there is no quota"}
WINDOW = {"from": "2026-10-31", "to": "2026-11-29", "currency": "EUR", "missing_rates": []}
RATE = {"won": 2, "lost": 1, "rate": 0.6667, "average_won": "13800.00", "median_cycle_days": 24.5}
SPEED = {"deals": 6, "win_rate": None, "average_won": None, "average_cycle_days": None, "velocity_per_day": "9.10"}
DAY = {"calls": 1, "emails": 2, "meetings": 0, "notes": 0, "tasks_done": 1}
ANSWERS: dict[ReportName, dict[str, Any]] = {
    ReportName.PIPELINE: PIPELINE,
    ReportName.FORECAST: {
        **PIPELINE,
        "items": [{"month": "2026-12", "committed": "0.00", "open": "15700.00", "total": "3445.00", "deal_count": 2}],
    },
    ReportName.MOVEMENT: MOVEMENT,
    ReportName.CONVERSION: {"pipeline_id": RAE, "as_of": AS_OF, "items": [{**CONVERSION, "open": 1}], "matrix": []},
    ReportName.STAGE_AGE: {
        "as_of": AS_OF,
        "items": [stage(0, "Qualification", open=stays(3, 0.5), left=stays(1, 7.2))],
    },
    ReportName.WIN_RATE: {
        **WINDOW,
        "group_by": "owner",
        "items": [{"group": RAE, "owner_name": "Rae", **RATE}, {"group": None, "owner_name": None, **RATE}],
        "left_out": 0,
    },
    ReportName.VELOCITY: {**WINDOW, "group_by": None, "items": [{"group": None, "owner_name": None, **SPEED}]},
    ReportName.ACTIVITY_METRICS: {
        "as_of": AS_OF,
        "items": [{"date": day, "user_id": RAE, **DAY} for day in ("2026-11-28", "2026-11-29")],
        "users": [
            {"user_id": RAE, "emails_sent": 2, "responses": 1, "email_response_rate": 0.5, "median_response_s": 59.4}
        ],
    },
    ReportName.RESPONSE_TIMES: {
        "as_of": AS_OF,
        "items": [{"user_id": RAE, "answered": 1, "median_s": 19800.0, "p90_s": 100800.0, "unanswered": 1}],
    },
    ReportName.LEADERBOARD: {
        **WINDOW,
        "items": [{"owner_id": RAE, "owner_name": "Rae", "won_count": 2, "won_amount": "27600.00"}],
    },
    ReportName.ATTAINMENT: {
        **WINDOW,
        "items": [
            {"user_id": RAE, "user_name": "Rae", **ATTAINED, "reasons": {}},
            {"user_id": OTTO, "user_name": None, **UNSET, "reasons": NO_QUOTA},
        ],
        "total": {**ATTAINED, "reasons": {}},
    },
}
NAMES = {RAE: "Rae Okafor", STAGES[0]: "Qualification", STAGES[1]: "Discovery"}


def print_report(name: ReportName, *, width: int = 80, encoding: str = "utf-8", **changes: Any) -> str:
    """Return what is printed where there is no terminal."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    sheet = to_sheet(name, ANSWERS[name] | changes, NAMES, source="primary")
    print_sheet(sheet, open_console(file, width))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_every_report_has_a_canned_answer() -> None:
    assert set(ANSWERS) == set(ReportName)


@pytest.mark.parametrize("name", list(ReportName))
@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_asked_and_none_has_colour(name: ReportName, width: int) -> None:
    printed = print_report(name, width=width)

    assert max(map(cell_len, printed.splitlines())) <= width
    assert "\x1b" not in printed


@pytest.mark.parametrize("name", list(ReportName))
@pytest.mark.parametrize("width", [40, 80])
def test_no_figure_is_cut(name: ReportName, width: int) -> None:
    sheet = to_sheet(name, ANSWERS[name], NAMES, source=None)
    printed = print_report(name, width=width)

    figures = [
        cell
        for grid in sheet.grids
        for row in grid.rows
        for cell, column in zip(row, grid.columns, strict=True)
        if not column.is_text
    ]
    assert [figure for figure in figures if figure not in printed] == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (ReportName.PIPELINE, ["Qualification  OPEN       1,203  1,072,950.05               4.3"]),
        (ReportName.FORECAST, ["2026-12       0.00  15,700.00  3,445.00           2"]),
        (ReportName.MOVEMENT, ["moved out           1  -100.00         -", "end                 1   300.00     30.00"]),
        (ReportName.CONVERSION, ["Qualification  Discovery        4          2  50.0 %     1"]),
        (ReportName.STAGE_AGE, ["Qualification           3        0.5     0.5   0.5      1      7.2     7.2   7.2"]),
        (ReportName.WIN_RATE, ["Win rate by owner, 2026-10-31 to 2026-11-29, EUR", "Rae      2     1  66.7 %"]),
        (ReportName.VELOCITY, ["    6         -            -                   -              9.10", "all  9.10  ███"]),
        (
            ReportName.ACTIVITY_METRICS,
            ["Rae Okafor            2          1  50.0 %             59 s", "Rae Okafor  8  █"],
        ),
        (ReportName.RESPONSE_TIMES, ["Rae Okafor         1  5 h 30 min  1 d 04 h           1"]),
        (ReportName.LEADERBOARD, ["Rae            2   27,600.00"]),
        (
            ReportName.ATTAINMENT,
            [
                "…4745ec59       0.00       0.00           -       5.00         -",
                "…4745ec59       -",
                "! no coverage: th",
            ],
        ),
    ],
)
def test_a_report_reads_so(name: ReportName, lines: list[str]) -> None:
    printed = print_report(name)

    assert [line for line in lines if line not in printed] == [], printed


def test_missing_rates_are_warned_of_and_the_footer_says_when_and_where_from() -> None:
    lines = print_report(ReportName.PIPELINE).splitlines()

    assert lines[:2] == ["Pipeline, EUR", "! No exchange rate for CHF, USD: that money is left out"]
    assert lines[-1] == "as of 2026-11-29 07:03Z, read from the primary database"


def test_what_has_no_rows_says_so() -> None:
    printed = print_report(ReportName.LEADERBOARD, items=[])

    assert "Nothing to report" in printed
    assert "won count" not in printed


def test_by_lost_reason_the_bars_are_counts() -> None:
    reason = {"group": "No [bold]budget[/]\nthis year \x1b[31m", "won": 0, "lost": 3, "rate": 0.0}
    printed = print_report(ReportName.WIN_RATE, group_by="lost_reason", items=[reason], left_out=1200)

    assert "! 1,200 lost deals of rarer reasons are left out" in printed
    assert "lost reason" in printed
    assert "No [bold]budget[/] this yea…  3  ███" in printed
    assert "\x1b" not in printed


def test_a_long_chart_is_cut_and_its_table_is_not() -> None:
    item = ANSWERS[ReportName.LEADERBOARD]["items"][0]
    printed = print_report(ReportName.LEADERBOARD, items=[{**item, "owner_name": f"Rep {at}"} for at in range(25)])

    assert "and 5 more, in the table" in printed
    assert printed.count("Rep 24") == 1


def test_a_pair_of_stages_is_one_row() -> None:
    answer = {"pipeline_id": RAE, "as_of": AS_OF, **CONVERSION, "open": 1}
    sheet = to_sheet(ReportName.CONVERSION, answer, NAMES, source=None)

    assert sheet.grids[0].rows == [["Qualification", "Discovery", "4", "2", "50.0 %", "1"]]
    assert [bar.label for bar in sheet.bars] == ["Qualification to Discovery"]
    assert list_unnamed(answer) == (set(), set(STAGES))


def test_names_are_wanted_where_the_answer_has_none() -> None:
    assert list_unnamed(ANSWERS[ReportName.RESPONSE_TIMES]) == ({RAE}, set())
    assert list_unnamed(ANSWERS[ReportName.ATTAINMENT]) == (set(), set())


def test_without_unicode_lines_and_bars_are_ascii() -> None:
    printed = print_report(ReportName.MOVEMENT, encoding="ascii")

    assert "moved out  -100.00  ##########|" in printed
    assert "created     300.00            |#############################" in printed


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("median_s", 59.4, "59 s"),
        ("median_s", 60.0, "1 min"),
        ("median_s", 3599.0, "1 h 00 min"),
        ("median_s", 100800.0, "1 d 04 h"),
        ("open", 1203, "1,203"),
        ("open", "1203.50", "1,203.50"),
        ("total", "-0.05", "-0.05"),
        ("group", "42", "42"),
        ("rate", 0.0, "0.0 %"),
        ("average_days_in_stage", 0.0036, "0.0"),
        ("oldest_unanswered_at", "2026-11-28T11:10:00.5Z", "2026-11-28 11:10Z"),
        ("owner_id", OTTO, "…4745ec59"),
        ("owner_id", RAE, "Rae Okafor"),
        ("total", None, "-"),
    ],
)
def test_a_value_reads_by_its_field(field: str, value: object, shown: str) -> None:
    assert to_cell(field, value, NAMES) == shown


def test_headings_are_words_and_text_of_others_commands_no_terminal() -> None:
    assert [to_heading(field) for field in ("stage_name", "from_stage_id", "median_s", "tasks_done", "p90_days")] == [
        *("stage", "from stage", "median", "tasks done", "p90 days")
    ]
    assert to_line("a\x1b[2J\r\nb\u202e") == "a [2J  b "


def draw_all(lengths: list[int | None], room: int) -> list[str]:
    decimals = [None if length is None else Decimal(length) for length in lengths]
    scale = share_room(decimals, room)
    return [draw(length, scale, is_utf=True) for length in decimals]


def test_bars_share_one_scale_on_both_sides_of_the_axis() -> None:
    assert draw_all([8, 4, 0, None], 8) == ["████████", "████", "", ""]
    assert draw_all([6, -3], 10) == ["   │██████", "███│"]
    assert draw_all([-1, -2], 5) == ["  ██│", "████│"]
    assert draw_all([0, None], 5) == ["", ""]


def test_what_is_more_than_nothing_is_seen() -> None:
    assert draw_all([1_000_000, 1], 8) == ["████████", "▏"]
    assert draw_all([1_000_000, -1], 8) == [" │██████", "▐│"]


def test_rates_are_shown_of_the_whole() -> None:
    scale = share_room([Decimal("0.5"), Decimal("0.25")], 8, full=Decimal(1))

    assert draw(Decimal("0.5"), scale, is_utf=True) == "████"
