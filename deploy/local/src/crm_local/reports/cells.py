"""How one figure of an answer reads in a table. No I/O."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

NOTHING: Final = "-"
MONEY: Final = frozenset(
    {
        *("total", "weighted", "committed", "open", "amount", "won_amount", "average_won", "velocity_per_day"),
        *("quota", "won"),
    }
)
"""Where they hold text: `open` and `won` are counts elsewhere, and counts are numbers."""
RATES: Final = frozenset({"rate", "win_rate", "attainment", "email_response_rate"})
TEXTS: Final = frozenset({"kind", "bucket", "group", "month", "date"})
TEXT_ENDINGS: Final = ("_id", "_name", "_at")
SHOWN_OF_ID: Final = 8
SECONDS_TO_SHOW: Final = 60
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)\S*Z")
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Names = Mapping[str, str]
"""Of users and stages, by id."""


def is_text(field: str) -> bool:
    """Return whether a column holds words; numbers stand to the right."""
    return field in TEXTS or field.endswith(TEXT_ENDINGS)


def to_heading(field: str) -> str:
    """Return a column's heading: the field's name as words."""
    name = field.removesuffix("_id").removesuffix("_name") or field
    return name.removesuffix("_s").replace("_", " ").removeprefix("email response ")


def to_number(value: object) -> Decimal | None:
    """Return what a bar's length is made of, None where the answer has no figure."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    number = Decimal(str(value))
    return number if number.is_finite() else None


def to_cell(field: str, value: Any, names: Names) -> str:
    """Return a value as it reads under `field`; null is a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        if field in MONEY:
            return f"{Decimal(value):,f}"
        return value.replace("_", " ") if field == "bucket" else _to_words(value, names)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return to_line(str(value))
    return _to_figure(field, value)


def to_line(text: str) -> str:
    """Return text of others without what would break a line or command a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _to_words(value: str, names: Names) -> str:
    if _ID.fullmatch(value):
        # The end: ids of the same second begin alike.
        return to_line(names[value]) if value in names else "…" + value[-SHOWN_OF_ID:]
    moment = _INSTANT.fullmatch(value)
    return f"{moment[1]} {moment[2]}Z" if moment else to_line(value)


def _to_figure(field: str, value: float) -> str:
    if field in RATES:
        return f"{value * 100:.1f} %"
    if "days" in field.split("_"):
        return f"{value:.1f}"
    if field.endswith("_s"):
        return _to_duration(value)
    return f"{value:.2f}" if field == "coverage" else f"{value:,}"


def _to_duration(seconds: float) -> str:
    if seconds < SECONDS_TO_SHOW:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02} h" if days else f"{hours} h {minutes:02} min"
