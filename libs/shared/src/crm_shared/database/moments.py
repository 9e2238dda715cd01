"""How moments and days cross to PostgreSQL and back: finite, and a moment always with its zone.

asyncpg's own codec writes Python's first and last moment as infinity, and reads infinity as that moment without a zone.
This one costs the same: what asyncpg does for a value is calls into `datetime` as well.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY_NUMBER: Final = date(2000, 1, 1).toordinal()
_DAY_S: Final = 86_400
_SECOND_US: Final = 1_000_000


def encode_moment(moment: datetime) -> tuple[int]:
    """Return microseconds since 2000. Raises TypeError for one without a zone, and for a day."""
    elapsed = moment - _EPOCH
    return ((elapsed.days * _DAY_S + elapsed.seconds) * _SECOND_US + elapsed.microseconds,)


def decode_moment(written: tuple[int]) -> datetime:
    """Read microseconds since 2000. Raises OverflowError for infinity, and for years that Python has not."""
    return _EPOCH + timedelta(0, 0, written[0])


def encode_day(day: date) -> tuple[int]:
    """Return days since 2000. Raises TypeError for a moment: which day it is depends on the zone."""
    if isinstance(day, datetime):
        raise TypeError("a moment is no day")
    return (day.toordinal() - _FIRST_DAY_NUMBER,)


def decode_day(written: tuple[int]) -> date:
    """Read days since 2000. Raises ValueError or OverflowError for infinity, and for years that Python has not."""
    return date.fromordinal(written[0] + _FIRST_DAY_NUMBER)


async def set_time_codecs(connection: asyncpg.Connection) -> None:
    """Have `connection` read and write by these; no round trip."""
    for name, encode, decode in (
        ("timestamptz", encode_moment, decode_moment),
        ("date", encode_day, decode_day),
    ):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encode, decoder=decode, format="tuple")
