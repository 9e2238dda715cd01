"""Reads Retry-After in both of its forms (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,6}")
_LONGEST_DATE = 64
LONGEST_S = 999_999


def read_retry_after(text: str, *, now: datetime) -> int | None:
    """Return the seconds from `now`, 0 for a moment that is over; None for what is neither seconds nor a date.

    At most six digits, which is eleven days; what says more in seconds means nothing, and a later date means that.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return int(text)
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(max(0, round((moment - now).total_seconds())), LONGEST_S)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
