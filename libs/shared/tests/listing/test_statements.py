"""A list's page: its halves, how they are read one after the other, and how they are printed."""

from typing import Any

import asyncpg
import pytest

from crm_shared.database import Where
from crm_shared.features.custom_fields import EntityType, FieldType
from crm_shared.features.custom_fields.sorting import find_order
from crm_shared.http.cursors import decode_cursor, encode_cursor
from crm_shared.listing import Key, Order, Page, Statement, select_page
from crm_testing.golden import RECORD, TENANT, after, define, first

SELECT = "SELECT c.id FROM contacts c WHERE c.tenant_id = $1 AND "


def by_score() -> Order:
    order = find_order(define(EntityType.CONTACT, {"score": FieldType.NUMBER}), "-cf_score")
    assert order is not None
    return order


class TwoAnswers:
    """Answers as a database with so many rows with a value, and so many without."""

    def __init__(self, valued: int, blank: int) -> None:
        self._left = [valued, blank]
        self.asked = 0

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        half = 1 if "IS NULL" in query else 0
        self.asked += 1
        assert args[0] == TENANT
        return [{"half": half, "n": n} for n in range(self._left[half])]

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        raise NotImplementedError(query, args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        raise NotImplementedError(query, args)

    async def execute(self, query: str, *args: Any) -> str:
        raise NotImplementedError(query, args)


@pytest.mark.parametrize(
    ("valued", "blank", "asked", "expected"),
    [(51, 51, 1, (51, 0)), (50, 51, 2, (50, 1)), (20, 51, 2, (20, 31)), (0, 3, 2, (0, 3)), (0, 0, 2, (0, 0))],
)
async def test_rows_without_a_value_fill_the_page(
    valued: int, blank: int, asked: int, expected: tuple[int, int]
) -> None:
    connection = TwoAnswers(valued, blank)
    rows = await select_page(SELECT, Where(TENANT), first(by_score())).fetch(connection)
    assert connection.asked == asked
    assert [row["half"] for row in rows] == [0] * expected[0] + [1] * expected[1]


def test_behind_a_row_without_a_value_there_are_only_such() -> None:
    filters = Where(TENANT)
    statement = select_page(SELECT, filters, after(by_score(), None))
    assert statement.valued is None
    assert statement.blank is not None
    assert statement.blank.parameters == [TENANT, RECORD, 51]
    assert filters.parameters == [TENANT]


def test_a_cursor_of_either_half_is_read_again() -> None:
    order = by_score()
    for value in (12.5, None):
        assert decode_cursor(encode_cursor(order, Key(value, RECORD)), order) == (value, RECORD)


def test_what_is_printed_is_what_is_sent() -> None:
    sql = """SELECT ( SELECT 1 FROM a WHERE a.x = $1 AND a.y ) AS one , 2  -- why
               FROM (SELECT 3 UNION ALL SELECT 4) b LEFT JOIN c ON c.id = b.id ORDER BY 1 LIMIT $2"""
    assert str(Statement(sql, ["x", 5])) == (
        "SELECT (\n"
        "    SELECT 1\n"
        "    FROM a\n"
        "    WHERE a.x = $1\n"
        "      AND a.y ) AS one, 2\n"
        "FROM (\n"
        "    SELECT 3\n"
        "    UNION ALL\n"
        "    SELECT 4) b\n"
        "LEFT JOIN c ON c.id = b.id\n"
        "ORDER BY 1\n"
        "LIMIT $2\n"
        "-- $1: x\n"
        "-- $2: 5\n"
    )


def test_a_page_without_a_key_starts_at_the_first_value() -> None:
    page = Page(by_score(), None, 10)
    assert page.value_after(first=0) == 0
    assert Page(page.order, Key(7, RECORD), 10).value_after(first=0) == 7
