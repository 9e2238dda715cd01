"""Keyset paging: a cursor holds the sort values of the last row, so a page starts where the last one ended.

A full walk during concurrent writes neither repeats nor loses a row whose sort field stands still.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from pydantic_core import from_json, to_json

from crm_shared.database.where import Where
from crm_shared.http.bodies import is_storable
from crm_shared.refusals import InvalidField


def _parse_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no time zone")
    return instant.astimezone(UTC)


def _parse_text(text: str) -> str:
    if not is_storable(text):
        raise ValueError("PostgreSQL can't hold it")
    return text


def _parse_bigint(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("no bigint")
    return number


PARSERS: dict[type, Callable[[str], Any]] = {
    datetime: _parse_instant,
    date: date.fromisoformat,
    Decimal: Decimal,
    str: _parse_text,
    UUID: UUID,
    int: _parse_bigint,
}


@dataclass(frozen=True, slots=True)
class SortField:
    """A column that a list may be sorted by: never null, and with an index that ends in the id."""

    column: LiteralString
    type: type


@dataclass(frozen=True, slots=True)
class Order:
    """One chosen order: `name` as the caller wrote it, ties broken by id in the same direction."""

    name: str
    field: SortField
    is_descending: bool
    id_column: LiteralString = "id"

    @property
    def value_key(self) -> str:
        """The key in a row of the value that it is sorted by: the column's name without its table's."""
        return self.field.column.rpartition(".")[2]

    @property
    def sql(self) -> str:
        direction = "DESC" if self.is_descending else "ASC"
        return f"{self.field.column} {direction}, {self.id_column} {direction}"

    def add_after(self, where: Where, cursor: str | None) -> Where:
        """Skip what earlier pages held. Raises InvalidField for a cursor that is not of this order."""
        if cursor is None:
            return where
        value, last_id = decode_cursor(cursor, self)
        operator = "<" if self.is_descending else ">"
        return where.add_sql(
            f"({self.field.column}, {self.id_column}) {operator} ({where.number(value)}, {where.number(last_id)})"
        )

    def split(self, where: Where, cursor: str | None) -> Iterator[Where]:
        """Give the conditions of each statement that the page's rows come from, in turn, until it is full."""
        yield self.add_after(where, cursor)

    def sql_over(self, rows: LiteralString) -> str:
        """Give the same order for rows that a subquery called `rows` gives."""
        direction = "DESC" if self.is_descending else "ASC"
        return f"{rows}.{self.value_key} {direction}, {rows}.id {direction}"

    def value_of(self, row: Mapping[str, Any]) -> Any:
        """Give the value that a row is sorted by."""
        return row[self.value_key]

    def parse(self, text: str) -> Any:
        """Read a sort value out of a cursor. Raises ValueError, TypeError."""
        return PARSERS[self.field.type](text)

    def value_after(self, cursor: str | None, *, first: Any) -> Any:
        """Give the sort value that a page starts after, for queries that write their own comparison."""
        return first if cursor is None else decode_cursor(cursor, self)[0]


def parse_order(
    sort: str | None, fields: Mapping[str, SortField], *, default: str = "-created_at", id_column: LiteralString = "id"
) -> Order:
    """Read `sort=-updated_at`. Raises InvalidField naming the fields that may be sorted by."""
    name = sort or default
    field = fields.get(name.removeprefix("-"))
    if field is None:
        raise InvalidField.at("?sort", f"takes one of {', '.join(fields)}, with - before it for descending")
    return Order(name, field, name.startswith("-"), id_column)


def encode_cursor(order: Order, value: Any, last_id: UUID) -> str:
    text = value.isoformat() if isinstance(value, date) else None if value is None else str(value)
    return base64.urlsafe_b64encode(to_json([order.name, text, str(last_id)])).decode().rstrip("=")


def decode_cursor(cursor: str, order: Order) -> tuple[Any, UUID]:
    """Give the last row's sort value and id. Raises InvalidField."""
    try:
        name, text, last_id = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != order.name:
            raise InvalidField.at("?cursor", "belongs to a list in another order")
        return order.parse(text), UUID(last_id)
    except (binascii.Error, ValueError, TypeError, AttributeError, ArithmeticError):
        raise InvalidField.at("?cursor", "is not a cursor of ours") from None


def next_cursor(
    order: Order, rows: Sequence[Mapping[str, Any]], limit: int, *, value_key: str | None = None
) -> str | None:
    """Give the cursor after `limit` rows, None when there is no further row.

    `rows` is what a query with LIMIT `limit + 1` gave: the one too many tells that more follow. `value_key` names
    the value that they are sorted by where the order does not know it.
    """
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return encode_cursor(order, order.value_of(last) if value_key is None else last[value_key], last["id"])
