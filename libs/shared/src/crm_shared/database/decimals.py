"""Reads PostgreSQL's numeric as it was written: ten thousand yen are 10000, and not 1E+4."""

from decimal import Decimal

import asyncpg


class PlainDecimal(Decimal):
    """A Decimal whose text has no exponent: contracts say digits and a point, and JSON takes a Decimal's own text."""

    __slots__ = ()

    def __str__(self) -> str:
        return format(self, "f")


async def set_decimal_codec(connection: asyncpg.Connection) -> None:
    """Have numeric come and go as text. The driver's own reading leaves zeros at the end out, for an exponent."""
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=PlainDecimal, format="text")
