"""CSV: who wants it, and cells that no spreadsheet runs."""

import pytest

from crm_reporting.reports.spreadsheets import prefers_csv, reply_csv
from crm_shared.spreadsheets import to_cell


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/csv", True),
        ("text/csv; charset=utf-8", True),
        ("Text/CSV, */*;q=0.1", True),
        ("text/csv, */*", True),
        ("application/json;q=0.5, text/csv", True),
        ("text/*", True),
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/csv", False),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=x", False),
        ("text/html", False),
    ],
)
def test_csv_is_given_to_those_who_prefer_it(accept: str | None, *, expected: bool) -> None:
    assert prefers_csv(accept) is expected


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_a_formula_becomes_a_text(text: str) -> None:
    assert to_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Closed Won", "a=b", "", 3, -1.5, None])
def test_other_cells_stay(value: object) -> None:
    assert to_cell(value) == value


async def test_quotes_and_lines_are_quoted() -> None:
    answer = await reply_csv("x", ["a", "b"], [{"a": 'say "hi", twice\nor not', "b": None}], {})
    assert answer.body == b'a,b\r\n"say ""hi"", twice\nor not",\r\n'


async def test_what_rows_have_in_common_stands_in_each() -> None:
    answer = await reply_csv("x", ["a", "b"], [{"a": 1}, {"a": 2, "b": 3}], {"b": 9, "c": 4})
    assert answer.body == b"a,b\r\n1,9\r\n2,3\r\n"
