"""Moments and days cross to PostgreSQL and back as they are, or not at all."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_shared.database import Database
from crm_shared.database.codecs import decode_day, decode_moment, encode_day, encode_moment

MOMENTS = (
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 11, 22, 3, 51, 54, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(2200, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)
DAYS = (date(1900, 1, 1), date(2000, 1, 1), date(2026, 11, 22), date(2200, 12, 31), date.min, date.max)


@pytest.fixture
async def database(postgres_admin_dsn: str) -> AsyncIterator[Database]:
    async with Database.opened(postgres_admin_dsn) as database:
        yield database


# Not to Python's very ends, where UTC may have no year for a zone's; test_postgresql_… has those of UTC itself.
@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()))  # noqa: DTZ001 - zones are drawn
def test_a_moment_reads_as_it_was_written(moment: datetime) -> None:
    read = decode_moment(encode_moment(moment))
    # As UTC: Python holds no two moments of different zones for equal in the hour that a zone has twice (PEP 495).
    assert (read, read.tzinfo) == (moment.astimezone(UTC), UTC)


@given(st.dates())
def test_a_day_reads_as_it_was_written(day: date) -> None:
    assert decode_day(encode_day(day)) == day


async def test_postgresql_has_the_moment_that_was_meant_and_never_infinity(database: Database) -> None:
    async with database.read_as_worker() as connection:
        for moment in MOMENTS:
            written = await connection.fetchrow(
                "SELECT $1::timestamptz AS moment, isfinite($1), to_char($1 AT TIME ZONE 'UTC', $2) AS text",
                moment,
                "YYYY-MM-DD HH24:MI:SS.US",
            )
            assert written is not None
            assert tuple(written) == (moment, True, f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}".rjust(26, "0"))
            assert written["moment"].tzinfo is UTC
        assert await connection.fetchval("SELECT $1::timestamptz[]", MOMENTS) == list(MOMENTS)
        assert await connection.fetchval("SELECT $1::timestamptz", None) is None


async def test_postgresql_has_the_day_that_was_meant_and_never_infinity(database: Database) -> None:
    async with database.read_as_worker() as connection:
        for day in DAYS:
            written = await connection.fetchrow("SELECT $1::date, isfinite($1), $1::text", day)
            assert written is not None
            assert tuple(written) == (day, True, day.isoformat())
        assert await connection.fetchval("SELECT $1::date[]", DAYS) == list(DAYS)


@pytest.mark.parametrize("written", ["infinity", "-infinity", "4713-01-01 BC", "20000-01-01"])
async def test_what_python_can_not_say_is_an_error_when_it_is_read(database: Database, written: str) -> None:
    async with database.read_as_worker() as connection:
        for query in (
            "SELECT $1::text::timestamptz",
            "SELECT ARRAY[$1::text::timestamptz]",
            "SELECT $1::text::date",
        ):
            with pytest.raises((OverflowError, ValueError)):
                await connection.fetchval(query, written)
        assert await connection.fetchval("SELECT 1") == 1  # and the connection goes on


@pytest.mark.parametrize("value", [datetime(2026, 11, 22), date(2026, 11, 22), "2026-11-22T03:51:54Z", 5])  # noqa: DTZ001
async def test_only_a_moment_with_a_zone_is_written_as_one(database: Database, value: object) -> None:
    async with database.read_as_worker() as connection:
        with pytest.raises(asyncpg.DataError):
            await connection.execute("SELECT $1::timestamptz", value)


async def test_a_moment_is_not_written_as_a_day(database: Database) -> None:
    async with database.read_as_worker() as connection:
        with pytest.raises(asyncpg.DataError):
            await connection.execute("SELECT $1::date", MOMENTS[0])
