"""Months as they are written and kept."""

from datetime import date, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from crm_reporting.months import LastMonth, Month, first_day_of, last_day_of, next_month, write_month


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
        (date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 10), date(2028, 2, 1), date(2028, 2, 29)),
        (date(1900, 2, 1), date(1900, 2, 1), date(1900, 2, 28)),
        (date(2200, 12, 1), date(2200, 12, 1), date(2200, 12, 31)),
    ],
)
def test_a_day_lies_in_a_month(day: date, first: date, last: date) -> None:
    assert (first_day_of(day), last_day_of(day)) == (first, last)
    assert next_month(day) == last + timedelta(days=1)
    assert TypeAdapter[date](Month).validate_python(write_month(day)) == first
    assert TypeAdapter[date](LastMonth).validate_python(write_month(day)) == last


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026", "0000-01", "1899-12", "2201-01", "2026-11-01", " 2026-11"]
)
@pytest.mark.parametrize("kind", [Month, LastMonth])
def test_what_is_no_month_is_refused(kind: type[date], text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)
