"""The statements of a list's page: what is sent, and what `print` shows."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from crm_shared.database import Connection, Where
from crm_shared.listing.orders import Page

Rows = Sequence[Mapping[str, Any]]
"""Up to a page's limit + 1: the one too many tells that more follow."""


_COMMENT: Final = re.compile(r"--.*")
_CLAUSE: Final = re.compile(
    r"(?<!LEFT)(?<!CROSS) (?=(?:FROM|WHERE|AND|ORDER BY|LIMIT|LEFT JOIN|CROSS JOIN|JOIN|UNION ALL)\b)"
    r"|(?<=\()(?=\(?SELECT\b)|(?<=UNION ALL) (?=SELECT)"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its parameters."""

    sql: str
    parameters: Sequence[Any]

    async def fetch(self, connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in await connection.fetch(self.sql, *self.parameters)]

    def __str__(self) -> str:
        values = (f"-- ${number}: {value}" for number, value in enumerate(self.parameters, 1))
        return "\n".join([*_to_lines(self.sql), *values, ""])


@dataclass(frozen=True, slots=True)
class ListStatement:
    """One page of a list: first the rows with a sort value, then those without one, until the page is full.

    `valued` is None where earlier pages held all such rows, `blank` where every row has a value.
    """

    valued: Statement | None
    blank: Statement | None
    limit: int

    async def fetch(self, connection: Connection) -> Rows:
        """Read up to `limit` + 1 rows."""
        rows: list[dict[str, Any]] = []
        for half in (self.valued, self.blank):
            if half is not None and len(rows) <= self.limit:
                rows += await half.fetch(connection)
        return rows[: self.limit + 1]

    def __str__(self) -> str:
        if self.blank is None:
            return str(self.valued)
        valued = "" if self.valued is None else f"-- Rows with a value\n{self.valued}\n"
        return f"{valued}-- Rows without a value\n{self.blank}"


def select_page(select: str, filters: Where, page: Page) -> ListStatement:
    """Return a page of what `select`, which ends in `WHERE … AND `, reads. Its fixed parameters begin `filters`."""
    return to_halves(filters, page, lambda where, count: select + where.sql + first_rows(page.order.sql, count))


def to_halves(filters: Where, page: Page, to_sql: Callable[[Where, str], str]) -> ListStatement:
    """Make both halves by `to_sql`, which takes the conditions and the placeholder of how many rows are wanted."""

    def to_half(where: Where | None) -> Statement | None:
        if where is None:
            return None
        sql = to_sql(where, where.number(page.limit + 1))
        return Statement(sql, where.parameters)

    order, after = page.order, page.after
    return ListStatement(to_half(order.to_valued(filters, after)), to_half(order.to_blank(filters, after)), page.limit)


def _to_lines(sql: str) -> Iterator[str]:
    """Write each clause on a line of its own, as deep as the parentheses that it stands in."""
    depth = 0
    text = " ".join(_COMMENT.sub("", sql).split()).replace("( ", "(").replace(" ,", ",")
    for clause in _CLAUSE.split(text):
        yield "    " * depth + ("  " if clause.startswith("AND ") else "") + clause
        depth += clause.count("(") - clause.count(")")


def first_rows(order: str, count: str) -> str:
    return f"\n     ORDER BY {order}\n     LIMIT {count}"
