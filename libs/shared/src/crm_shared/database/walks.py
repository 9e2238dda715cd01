"""Walks a whole table over all tenants, page by page: no long transaction, no cursor held open."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, LiteralString, TypeAlias
from uuid import UUID

import asyncpg

from crm_shared.database.pool import Database

PAGE_ROWS = 500

Page: TypeAlias = list[tuple[UUID, dict[str, Any]]]
"""(tenant id, the row's other columns), in order of (tenant, id)."""

PAGE_OF: Final = """
         , {alias}.tenant_id
      FROM {table} {alias}
     WHERE ({alias}.tenant_id, {alias}.{key}) > ($1, $2)
     ORDER BY {alias}.tenant_id, {alias}.{key}
     LIMIT $3
"""


def select_pages(
    columns: LiteralString, table: LiteralString, alias: LiteralString, *, key: LiteralString = "id"
) -> str:
    """Return the query that `walk_pages` reads a table's pages by. `columns` are by `alias`, the tenant's aside."""
    names = {"table": table, "alias": alias, "key": key}
    return "SELECT" + columns + PAGE_OF.format_map(names)


async def walk_pages(database: Database, query: str) -> AsyncIterator[Page]:
    """Yield pages of (tenant id, the row's other columns), in order of (tenant, id).

    `database` is the worker role's. `query` selects tenant_id and id among others, takes the last row's (tenant, id)
    as $1 and $2 and the page's size as $3.
    """
    after = (UUID(int=0), UUID(int=0))
    while True:
        async with database.read_as_worker() as connection:
            rows = await connection.fetch(query, *after, PAGE_ROWS)
        if not rows:
            return
        yield to_page(rows)
        after = (rows[-1]["tenant_id"], rows[-1]["id"])


def to_page(rows: Iterable[asyncpg.Record]) -> Page:
    """Return rows of such a query as (tenant id, the row's other columns)."""
    return [(row["tenant_id"], {name: value for name, value in row.items() if name != "tenant_id"}) for row in rows]
