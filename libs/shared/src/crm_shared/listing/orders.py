"""Keyset paging: a page begins after the key (sort value, id) of the last row before it.

A full walk during concurrent writes neither repeats nor loses a row whose sort field stands still.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, LiteralString, NamedTuple
from uuid import UUID

from crm_shared.database.where import Where
from crm_shared.text import is_storable
from crm_shared.time_window import parse_day, parse_instant


def _parse_decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError("no number")
    return number


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
    datetime: parse_instant,
    date: parse_day,
    Decimal: _parse_decimal,
    str: _parse_text,
    UUID: UUID,
    int: _parse_bigint,
}


class Key(NamedTuple):
    """The place of a row in a list. `value` is None for a row without a value, which stands at the end."""

    value: Any
    id: UUID


@dataclass(frozen=True, slots=True)
class SortField:
    """A column that a list may be sorted by: never null, and with an index that ends in the id.

    `collation`: of the order and of that index, where it is not the column's own. It must tell different texts apart.
    """

    column: LiteralString
    type: type
    collation: LiteralString | None = None

    has_blanks: ClassVar[bool] = False
    """Are there rows without a value? They come last in either direction, read by a statement of their own."""

    @property
    def name(self) -> str:
        """The column's name without its table's, as rows have it."""
        return self.column.rpartition(".")[2]

    @property
    def sql(self) -> str:
        return self._collate(self.column)

    def sql_over(self, rows: LiteralString) -> str:
        """Return the same for rows that a subquery called `rows` gives."""
        return self._collate(f"{rows}.{self.name}")

    def add_scope(self, where: Where) -> Where:
        """AND what the field's index asks of every statement, for a field whose index has a part of the rows only."""
        return where

    def number(self, where: Where, value: Any) -> str:
        """Take a value into `where` and return what `sql` is compared with."""
        return where.number(value)

    def value_of(self, row: Mapping[str, Any]) -> Any:
        return row[self.name]

    def parse(self, text: str | None) -> Any:
        """Read a value that a cursor holds as text. Raises ValueError, TypeError."""
        return PARSERS[self.type](text)  # type: ignore[arg-type]  # a TypeError of None is meant

    def _collate(self, column: str) -> str:
        return column if self.collation is None else f"{column} COLLATE {self.collation}"


@dataclass(frozen=True, slots=True)
class Order:
    """One chosen order: `name` as the caller wrote it, ties broken by id in the same direction."""

    name: str
    field: SortField
    is_descending: bool
    id_column: LiteralString = "id"

    @property
    def field_name(self) -> str:
        """What it sorts by, in whichever direction."""
        return self.name.removeprefix("-")

    @property
    def sql(self) -> str:
        return f"{self.field.sql} {self._direction}, {self.id_column} {self._direction}"

    def sql_over(self, rows: LiteralString) -> str:
        """Return the same order for rows that a subquery called `rows` gives."""
        return f"{self.field.sql_over(rows)} {self._direction}, {rows}.id {self._direction}"

    def to_valued(self, filters: Where, after: Key | None) -> Where | None:
        """Return the conditions of the rows with a sort value; None where earlier pages held them all."""
        where = filters.copy()
        if self.field.has_blanks:
            if after is not None and after.value is None:
                return None
            self.field.add_scope(where).add_sql(f"{self.field.sql} IS NOT NULL")
        return where if after is None else self.add_after(where, after)

    def to_blank(self, filters: Where, after: Key | None) -> Where | None:
        """Return the conditions of the rows without a sort value; None where each has one."""
        if not self.field.has_blanks:
            return None
        where = self.field.add_scope(filters.copy()).add_sql(f"{self.field.sql} IS NULL")
        if after is not None and after.value is None:
            where.add_sql(f"{self.id_column} {self._operator} {where.number(after.id)}")
        return where

    def add_after(self, where: Where, after: Key) -> Where:
        """Leave the rows with a value that come after `after`."""
        bounds = f"{self.field.number(where, after.value)}, {where.number(after.id)}"
        return where.add_sql(f"({self.field.sql}, {self.id_column}) {self._operator} ({bounds})")

    def value_of(self, row: Mapping[str, Any]) -> Any:
        """Return the value that a row is sorted by."""
        return self.field.value_of(row)

    def parse(self, text: str | None) -> Any:
        """Read a sort value that a cursor holds as text. Raises ValueError, TypeError."""
        return self.field.parse(text)

    @property
    def _direction(self) -> str:
        return "DESC" if self.is_descending else "ASC"

    @property
    def _operator(self) -> str:
        return "<" if self.is_descending else ">"


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: up to `limit` rows in `order` after `after`."""

    order: Order
    after: Key | None
    limit: int

    def value_after(self, *, first: Any) -> Any:
        """Return the sort value that the page begins after, for statements that write their own comparison."""
        return first if self.after is None else self.after.value
