"""Moments as files write them."""

from datetime import UTC, date, datetime

import pytest

from crm_shared.features.imports.moments import place_moment, read_moment
from crm_shared.features.imports.value_forms import FileForms, FormSurvey, ValueKind


@pytest.mark.parametrize(
    ("text", "form", "instant"),
    [
        ("2024-03-02T09:30:00Z", None, "2024-03-02T09:30:00+00:00"),
        ("2024-03-02T09:30:00.123456+02:00", None, "2024-03-02T07:30:00.123456+00:00"),
        ("2024-03-02 09:30", "YYYY-MM-DD", "2024-03-02T08:30:00+00:00"),
        ("2024-07-02", None, "2024-07-01T22:00:00+00:00"),
        ("02.03.2024 09:30", "DD.MM.YYYY", "2024-03-02T08:30:00+00:00"),
        ("3/2/2024, 9:30 PM", "MM/DD/YYYY", "2024-03-02T20:30:00+00:00"),
        ("3/2/2024 12:05 a.m.", "MM/DD/YYYY", "2024-03-01T23:05:00+00:00"),
        ("2024-03-02 09:30 UTC", None, "2024-03-02T09:30:00+00:00"),
        ("2024-03-31 02:30", None, "2024-03-31T01:30:00+00:00"),
    ],
)
def test_a_moment_is_read_in_the_files_form(text: str, form: str | None, instant: str) -> None:
    plain = FileForms(by_field={} if form is None else {"at": form}).read("at", ValueKind.MOMENT, text)
    assert place_moment(read_moment(plain), "Europe/Berlin").isoformat() == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-02-30",
        "2024-03-02 25:00",
        "2024-03-02 13:00 PM",
        "1/2/2024",
        "2024",
        "2024-03-02T",
        "9:30",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"takes a moment|no time of the day"):
        read_moment(text)


def test_a_moment_outside_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        place_moment(datetime(1850, 1, 1, tzinfo=UTC), "UTC")
    assert read_moment("2024-03-02") == date(2024, 3, 2)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00Z"])
def test_what_programs_write_for_not_set_and_never_is_refused_in_every_zone(text: str, zone: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        place_moment(read_moment(text), zone)


def test_a_form_is_found_where_it_alone_reads_the_whole_column() -> None:
    survey = FormSurvey({0: ("sure", ValueKind.MOMENT), 1: ("open", ValueKind.MOMENT)})
    for cells in (["3/4/2024 9:30 AM", "3/4/2024 9:30"], ["3/25/2024", "4/4/2024"]):
        survey.feed(cells)
    assert survey.result() == {"sure": "MM/DD/YYYY"}
