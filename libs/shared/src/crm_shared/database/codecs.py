"""How values cross to PostgreSQL and back: moments and days finite, numbers as they were written, JSON as it is.

asyncpg's own codec writes Python's first and last moment as infinity, and reads infinity as that moment without a zone.
This one costs the same: what asyncpg does for a value is calls into `datetime` as well. Of numbers its own reading
leaves zeros at the end out, for an exponent: ten thousand yen are 10000, and not 1E+4.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import asyncpg
from pydantic_core import from_json, to_json

from crm_shared.json_text import JsonText

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


class PlainDecimal(Decimal):
    """A Decimal whose text has no exponent: contracts say digits and a point, and JSON takes a Decimal's own text."""

    __slots__ = ()

    def __str__(self) -> str:
        return format(self, "f")


def _to_jsonb(value: Any) -> bytes:
    return b"\x01" + (value if isinstance(value, JsonText) else to_json(value))  # the version byte of its binary form


def _from_jsonb(written: bytes) -> Any:
    return from_json(written[1:])


async def set_codecs(connection: asyncpg.Connection) -> None:
    """Have `connection` read and write by these; no round trip."""
    for name, encode, decode, form in (
        ("timestamptz", encode_moment, decode_moment, "tuple"),
        ("date", encode_day, decode_day, "tuple"),
        ("jsonb", _to_jsonb, _from_jsonb, "binary"),
        ("numeric", str, PlainDecimal, "text"),
    ):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encode, decoder=decode, format=form)
