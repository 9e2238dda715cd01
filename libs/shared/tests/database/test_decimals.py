"""Numbers come out of PostgreSQL, and go into JSON, as digits and a point."""

from decimal import Decimal

import pytest
from pydantic_core import from_json

from crm_shared.database import Database
from crm_shared.json_text import to_json

pytestmark = pytest.mark.engines

WRITTEN = [
    "10000",
    "1000000000",
    "10000000000000",
    "1000000000.00",
    "0.0000001",
    "0.000000000001",
    "-20000",
    "0",
    "0.00",
]


@pytest.mark.parametrize("written", WRITTEN)
async def test_a_number_is_read_and_written_as_it_was(app_database: Database, written: str) -> None:
    async with app_database.read_as_worker() as connection:
        found = await connection.fetchval("SELECT $1::numeric", Decimal(written))
        many = await connection.fetchval(
            "SELECT array_agg(n) FROM unnest($1::numeric[]) AS n", [Decimal(written), None]
        )
    assert found == Decimal(written)
    assert str(found) == written
    assert from_json(to_json({"amount": found, "many": many})) == {"amount": written, "many": [written, None]}


async def test_what_a_sum_makes_is_plain_too(app_database: Database) -> None:
    async with app_database.read_as_worker() as connection:
        found = await connection.fetchval(
            "SELECT sum(n) FROM unnest($1::numeric[]) AS n", [Decimal(5000), Decimal(5000)]
        )
    assert (found, str(found)) == (Decimal(10000), "10000")
