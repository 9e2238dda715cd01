"""Which moments and days business data may name: 1900-01-01 to 2200-12-31, both included, in UTC.

Programs send the first and the last moment they can write for "not set" and "never". PostgreSQL's driver takes those
for infinity, which no sum ever gets rid of. One window, asked at every door and by a CHECK in every table.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field, TypeAdapter

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)
FIRST_INSTANT: Final = datetime(1900, 1, 1, tzinfo=UTC)
END: Final = datetime(2201, 1, 1, tzinfo=UTC)
"""The first moment that lies behind the window."""

# ISO 8601 has weeks, ordinals and forms without hyphens beside; they are not what the API writes or takes.
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_STARTS_AS_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]", re.ASCII)
_INSTANT: Final = TypeAdapter(AwareDatetime)

DAY_CHARS: Final = len("2026-11-22")
OUTSIDE: Final = f"lies outside {FIRST_DAY} to {LAST_DAY}"


def to_instant(instant: datetime) -> datetime:
    """Return an aware instant in UTC. Raises ValueError outside the window, or without a time zone."""
    if instant.tzinfo is None:
        raise ValueError("needs a time zone")
    if not FIRST_INSTANT <= instant < END:
        raise ValueError(OUTSIDE)
    return instant.astimezone(UTC)


def to_day(day: date) -> date:
    """Return the day back. Raises ValueError outside the window."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(OUTSIDE)
    return day


def parse_instant(text: str) -> datetime:
    """Read RFC 3339, in UTC, as bodies have it. Raises ValueError for what is none and outside the window."""
    if not _STARTS_AS_DAY.match(text):
        raise ValueError("is no RFC 3339 time")
    return to_instant(_INSTANT.validate_python(text))


def parse_day(text: str) -> date:
    """Read a day such as 2026-11-22. Raises ValueError for what is none and outside the window."""
    if not _DAY.fullmatch(text):
        raise ValueError("is no day such as 2026-11-22")
    return to_day(date.fromisoformat(text))


def _read_instant_or_day(value: object) -> object:
    """Take an instant with its offset, or a day. Raises ValueError for anything else."""
    if isinstance(value, date):  # datetime among them
        return value
    try:
        text = str(value)
        return parse_day(text) if len(text) == DAY_CHARS else parse_instant(text)
    except ValueError as error:
        if str(error) == OUTSIDE:
            raise
        raise ValueError(
            "takes an instant such as 2026-11-22T03:51:54Z or a day such as 2026-11-22; in an address + is written %2B"
        ) from None


InstantOrDay = Annotated[
    datetime | date,
    BeforeValidator(_read_instant_or_day, json_schema_input_type=str),
    Field(examples=["2026-11-22T03:51:54Z", "2026-11-22"]),
]
"""A parameter that is an instant or a whole day; in which time zone that day is, its reader says."""


def is_day(moment: datetime | date | None) -> bool:
    return moment is not None and not isinstance(moment, datetime)


def begin_of(moment: datetime | date, zone: str) -> datetime:
    """Return the instant itself, or the day's first one where clocks show `zone`."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.min, ZoneInfo(zone)).astimezone(UTC)


def end_of(moment: datetime | date, zone: str) -> datetime:
    """Return the instant itself, or the day's last microsecond where clocks show `zone`; it may have 23 or 25 hours."""
    if isinstance(moment, datetime):
        return moment
    return begin_of(moment + timedelta(days=1), zone) - timedelta(microseconds=1)
