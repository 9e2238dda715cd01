"""Moments as files write them: a day in the file's form, perhaps with a time, perhaps with its offset. Pure."""

import re
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from crm_shared.time_window import OUTSIDE, to_day, to_instant

_CLOCK: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<part>\.\d{1,6})?)?"
_MOMENT: Final = re.compile(
    r"(?P<day>[0-9./-]{8,10})(?:(?:T|,? )"
    + _CLOCK
    + r" ?(?P<half>[AaPp]\.?[Mm]\.?)? ?(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_MAX_CHARS: Final = 45
_NOON: Final = 12
TAKES: Final = "takes a moment such as 2026-11-22T03:51:54Z or 2026-11-22 03:51, or a day; state the file's date_format"


def part_moment(text: str) -> tuple[str, str]:
    """Return the day as it is written, and the time behind it as ISO 8601 has it, "" for none. Raises ValueError."""
    match = _MOMENT.fullmatch(text.strip()[:_MAX_CHARS])
    if match is None:
        raise ValueError(TAKES)
    if match["hour"] is None:
        return match["day"], ""
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= _NOON:
            raise ValueError("is no time of the day")
        hour = hour % _NOON + (_NOON if match["half"][0] in "pP" else 0)
    offset = match["offset"] or ""
    offset = "+00:00" if offset in {"Z", "UTC", "GMT"} else offset
    return match["day"], f"T{hour:02}:{match['minute']}:{match['second'] or '00'}{match['part'] or ''}{offset}"


def read_moment(text: str) -> date | datetime:
    """Read a day of ISO 8601, and a time behind it; without an offset it has no time zone. Raises ValueError."""
    day, clock = part_moment(text)
    try:
        return datetime.fromisoformat(day + clock) if clock else to_day(date.fromisoformat(day))
    except ValueError:
        raise ValueError(TAKES) from None


def place_moment(moment: date | datetime, zone: str) -> datetime:
    """Return the instant at which clocks in `zone` show this; a day begins with its first. Raises ValueError."""
    local = moment if isinstance(moment, datetime) else datetime.combine(moment, time.min)
    if local.tzinfo is not None:
        return to_instant(local)
    try:
        return to_instant(local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
    except OverflowError:  # what programs write for "not set" and "never" has no UTC in every zone
        raise ValueError(OUTSIDE) from None
