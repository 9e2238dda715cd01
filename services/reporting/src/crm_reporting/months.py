"""Months: as clients write them, `2026-11`, and by their first and last days. No I/O."""

import re
from datetime import date, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

from crm_shared.time_window import to_day

_MONTH: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_LONGEST: Final = timedelta(days=31)

SCHEMA: Final = {"type": "string", "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])$", "examples": ["2026-11"]}


def first_day_of(day: date) -> date:
    """Return the first day of the month that `day` lies in."""
    return day.replace(day=1)


def last_day_of(day: date) -> date:
    """Return the last day of the month that `day` lies in."""
    return next_month(day) - timedelta(days=1)


def next_month(day: date) -> date:
    """Return the first day of the month after the one that `day` lies in."""
    return first_day_of(first_day_of(day) + _LONGEST)


def write_month(day: date) -> str:
    """Return the month that `day` lies in as clients write it."""
    return day.isoformat()[: len("2026-11")]


def _read_month(value: object) -> date:
    """Return the first day. Raises ValueError for what is no month, and outside 1900 to 2200."""
    if not isinstance(value, str) or not _MONTH.fullmatch(value):
        raise ValueError("takes a month, such as 2026-11")
    year, month = value.split("-")
    return to_day(date(int(year), int(month), 1))


def _read_month_as_end(value: object) -> date:
    return last_day_of(_read_month(value))


Month = Annotated[date, BeforeValidator(_read_month), WithJsonSchema(SCHEMA)]
"""A month, read as its first day."""

LastMonth = Annotated[date, BeforeValidator(_read_month_as_end), WithJsonSchema(SCHEMA)]
"""The month that a window ends with, read as its last day."""
